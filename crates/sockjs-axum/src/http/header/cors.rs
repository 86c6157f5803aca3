use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ORIGIN,
    VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Whether pages of other origins may use the HTTP transports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cors {
    Enabled,
    Disabled,
}

/// Whether pages of public sites may use a server in a private network, as far as browsers ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PrivateNetwork {
    Refuse,
    Allow,
}

/// The CORS headers of a response, computed from the headers of the request.
#[derive(Debug)]
pub(super) struct CorsHeaders {
    origin: Option<Origin>,
    allow_headers: Option<HeaderValue>,
}

#[derive(Debug)]
enum Origin {
    Any,
    Exactly(HeaderValue),
}

impl CorsHeaders {
    pub(super) fn for_request(headers: &HeaderMap) -> Self {
        Self {
            origin: match single(headers, ORIGIN) {
                Ok(None) => Some(Origin::Any),
                Ok(Some(origin)) if is_visible(origin) => Some(Origin::Exactly(origin.clone())),
                Ok(Some(_)) | Err(Several) => None,
            },
            allow_headers: match single(headers, ACCESS_CONTROL_REQUEST_HEADERS) {
                Ok(Some(names)) if is_list(names) => Some(names.clone()),
                Ok(_) | Err(Several) => None,
            },
        }
    }

    /// Adds the headers of every response of a URL that pages of other origins may read.
    pub(super) fn apply(self, headers: &mut HeaderMap) {
        match self.origin {
            Some(Origin::Any) => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            Some(Origin::Exactly(origin)) => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
                headers.insert(
                    ACCESS_CONTROL_ALLOW_CREDENTIALS,
                    HeaderValue::from_static("true"),
                );
            }
            None => {}
        }
        headers.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(names) = self.allow_headers {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
        }
    }
}

/// Adds the headers of the response to a preflight, whose headers are `asked`.
pub(crate) fn preflight(
    headers: &mut HeaderMap,
    methods: &'static str,
    network: PrivateNetwork,
    asked: &HeaderMap,
) {
    let asks = asked
        .get(ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK)
        .is_some_and(|it| it == "true");
    if asks && network == PrivateNetwork::Allow {
        headers.insert(
            ACCESS_CONTROL_ALLOW_PRIVATE_NETWORK,
            HeaderValue::from_static("true"),
        );
    }
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static(methods),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("31536000"));
}

const ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-request-private-network");
const ACCESS_CONTROL_ALLOW_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-allow-private-network");

/// A header that must not repeat occurs more than once.
struct Several;

/// Returns the only value of a header. An empty value counts as missing.
fn single(headers: &HeaderMap, name: HeaderName) -> Result<Option<&HeaderValue>, Several> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    match values.next() {
        Some(_) => Err(Several),
        None => Ok(first.filter(|value| !value.is_empty())),
    }
}

/// Returns whether a value may be echoed: no byte of it can end the header or hide in a log.
fn is_visible(value: &HeaderValue) -> bool {
    value.as_bytes().iter().all(u8::is_ascii_graphic)
}

fn is_list(value: &HeaderValue) -> bool {
    value
        .as_bytes()
        .iter()
        .all(|b| b.is_ascii_graphic() || *b == b' ')
}
