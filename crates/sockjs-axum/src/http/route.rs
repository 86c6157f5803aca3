use http::Method;
use sockjs_core::Transport;

use super::header::Cors;

/// What a path under the prefix asks for. The method and the query string play no part in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Route {
    Greeting,
    Info,
    Iframe,
    RawWebSocket,
    /// A WebSocket with SockJS framing. The session id in the URL means nothing.
    WebSocket,
    /// A receive request of the session with that id.
    Receive(ReceiveUrl, Box<str>),
    /// A send request of the session with that id.
    Send(SendUrl, Box<str>),
    Unknown,
}

/// The URLs of receive requests, by their last segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ReceiveUrl {
    Xhr,
    XhrStreaming,
    EventSource,
    HtmlFile,
    Jsonp,
}

/// The URLs of send requests, by their last segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SendUrl {
    Xhr,
    Jsonp,
}

impl Route {
    /// Finds what `path` asks for; `None` if it is not under `prefix`.
    ///
    /// `prefix` must not end with a slash.
    pub(crate) fn parse(prefix: &str, path: &str) -> Option<Self> {
        let rest = path.strip_prefix(prefix)?;
        if rest.is_empty() || rest == "/" {
            return Some(Self::Greeting);
        }
        let rest = rest.strip_prefix('/')?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let mut segments = rest.split('/');
        let route = match (
            segments.next(),
            segments.next(),
            segments.next(),
            segments.next(),
        ) {
            (Some("info"), None, None, None) => Self::Info,
            (Some("websocket"), None, None, None) => Self::RawWebSocket,
            (Some(page), None, None, None) if is_iframe(page) => Self::Iframe,
            (Some(server), Some(session), Some(action), None)
                if is_id(server) && is_id(session) =>
            {
                Self::of_session(action, session)
            }
            _ => Self::Unknown,
        };
        Some(route)
    }

    fn of_session(action: &str, id: &str) -> Self {
        match action {
            "websocket" => Self::WebSocket,
            "xhr" => Self::Receive(ReceiveUrl::Xhr, id.into()),
            "xhr_streaming" => Self::Receive(ReceiveUrl::XhrStreaming, id.into()),
            "eventsource" => Self::Receive(ReceiveUrl::EventSource, id.into()),
            "htmlfile" => Self::Receive(ReceiveUrl::HtmlFile, id.into()),
            "jsonp" => Self::Receive(ReceiveUrl::Jsonp, id.into()),
            "xhr_send" => Self::Send(SendUrl::Xhr, id.into()),
            "jsonp_send" => Self::Send(SendUrl::Jsonp, id.into()),
            _ => Self::Unknown,
        }
    }

    /// Returns the methods that are allowed.
    pub(crate) fn allow(&self, cors: Cors) -> &'static [Method] {
        match (self, cors) {
            (Self::Greeting | Self::Iframe, _) => GET_HEAD,
            (Self::Info, Cors::Enabled) => OPTIONS_GET_HEAD,
            (Self::Info, Cors::Disabled) => GET_HEAD,
            (Self::RawWebSocket | Self::WebSocket, _) => GET,
            (
                Self::Receive(
                    ReceiveUrl::EventSource | ReceiveUrl::HtmlFile | ReceiveUrl::Jsonp,
                    _,
                ),
                _,
            ) => GET,
            (
                Self::Receive(ReceiveUrl::Xhr | ReceiveUrl::XhrStreaming, _)
                | Self::Send(SendUrl::Xhr, _),
                Cors::Enabled,
            ) => OPTIONS_POST,
            (Self::Receive(ReceiveUrl::Xhr | ReceiveUrl::XhrStreaming, _) | Self::Send(..), _) => {
                POST
            }
            (Self::Unknown, _) => &[],
        }
    }

    /// Returns the transport of a WebSocket or of a receive request. A send request has none,
    /// because a session may use any send URL with any receive URL.
    pub(crate) fn transport(&self) -> Option<Transport> {
        match self {
            Self::RawWebSocket => Some(Transport::RawWebSocket),
            Self::WebSocket => Some(Transport::WebSocket),
            Self::Receive(receive, _) => Some(receive.transport()),
            Self::Greeting | Self::Info | Self::Iframe | Self::Send(..) | Self::Unknown => None,
        }
    }

    /// Returns whether the URL has a session id.
    pub(super) fn is_session(&self) -> bool {
        matches!(self, Self::WebSocket | Self::Receive(..) | Self::Send(..))
    }

    /// Returns whether the URL is for allowed origins only.
    pub(crate) fn is_guarded(&self) -> bool {
        self.is_session() || matches!(self, Self::Info | Self::RawWebSocket)
    }

    /// Returns how the client's page loads a URL that a browser requests without `Origin`: the mode
    /// and the destination of the request, as the Fetch standard calls them.
    pub(crate) fn loaded_as(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Receive(ReceiveUrl::EventSource, _) => Some(("cors", "empty")),
            Self::Receive(ReceiveUrl::HtmlFile, _) => Some(("navigate", "iframe")),
            Self::Receive(ReceiveUrl::Jsonp, _) => Some(("no-cors", "script")),
            _ => None,
        }
    }

    /// Returns whether pages of other origins may read the answers.
    pub(super) fn is_readable_by_other_origins(&self) -> bool {
        match self {
            Self::Info | Self::Send(SendUrl::Xhr, _) => true,
            Self::Receive(receive, _) => matches!(
                receive,
                ReceiveUrl::Xhr | ReceiveUrl::XhrStreaming | ReceiveUrl::EventSource
            ),
            Self::Greeting
            | Self::Iframe
            | Self::RawWebSocket
            | Self::WebSocket
            | Self::Send(SendUrl::Jsonp, _)
            | Self::Unknown => false,
        }
    }
}

impl ReceiveUrl {
    pub(super) fn transport(self) -> Transport {
        match self {
            Self::Xhr => Transport::Xhr,
            Self::XhrStreaming => Transport::XhrStreaming,
            Self::EventSource => Transport::EventSource,
            Self::HtmlFile => Transport::HtmlFile,
            Self::Jsonp => Transport::Jsonp,
        }
    }
}

/// Returns a prefix as it is in a URL: without slashes at its ends but with one in front, and with the
/// characters percent-encoded that browsers encode in a path. An empty prefix stays empty.
pub(crate) fn encode_prefix(prefix: &str) -> String {
    let mut encoded = String::new();
    let prefix = prefix.trim_matches('/');
    if !prefix.is_empty() {
        encoded.push('/');
    }
    for byte in prefix.bytes() {
        // The path percent-encode set of the URL standard.
        let must = !byte.is_ascii_graphic() || b"\"#<>?^`{}".contains(&byte);
        if must {
            encoded.push_str(&format!("%{byte:02X}"));
        } else {
            encoded.push(byte.into());
        }
    }
    encoded
}

/// Returns whether a segment may be the id of a server or a session. The length is limited, because
/// clients choose the ids and the server keeps them.
fn is_id(segment: &str) -> bool {
    !segment.is_empty() && segment.len() <= MAX_ID_LEN && !segment.contains('.')
}

/// Returns whether a segment is `iframe.html` or `iframe<version>.html`.
fn is_iframe(segment: &str) -> bool {
    let version = segment
        .strip_prefix("iframe")
        .and_then(|rest| rest.strip_suffix(".html"));
    version.is_some_and(|version| {
        version
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'z' | b'-' | b'.' | b'_'))
    })
}

const MAX_ID_LEN: usize = 128;

const GET: &[Method] = &[Method::GET];
const GET_HEAD: &[Method] = &[Method::GET, Method::HEAD];
const OPTIONS_GET_HEAD: &[Method] = &[Method::OPTIONS, Method::GET, Method::HEAD];
const OPTIONS_POST: &[Method] = &[Method::OPTIONS, Method::POST];
const POST: &[Method] = &[Method::POST];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_what_they_ask_for() {
        for (path, route) in [
            ("/echo", Route::Greeting),
            ("/echo/", Route::Greeting),
            ("/echo/info", Route::Info),
            ("/echo/info/", Route::Info),
            ("/echo/iframe.html", Route::Iframe),
            ("/echo/iframe-.html", Route::Iframe),
            ("/echo/iframe-1.6.1_a.html", Route::Iframe),
            ("/echo/websocket", Route::RawWebSocket),
            ("/echo/000/abc/websocket", Route::WebSocket),
            (
                "/echo/000/abc/xhr",
                Route::Receive(ReceiveUrl::Xhr, "abc".into()),
            ),
            (
                "/echo/000/abc/xhr/",
                Route::Receive(ReceiveUrl::Xhr, "abc".into()),
            ),
            (
                "/echo/0/a%2Eb/xhr_send",
                Route::Send(SendUrl::Xhr, "a%2Eb".into()),
            ),
            (
                "/echo/info/info/jsonp_send",
                Route::Send(SendUrl::Jsonp, "info".into()),
            ),
            ("/echo//", Route::Unknown),
            ("/echo///", Route::Unknown),
            ("/echo//info", Route::Unknown),
            ("/echo/info//", Route::Unknown),
            ("/echo/a", Route::Unknown),
            ("/echo/a/a", Route::Unknown),
            ("/echo/a/a/", Route::Unknown),
            ("/echo/a/a/a", Route::Unknown),
            ("/echo/a./a/xhr", Route::Unknown),
            ("/echo/a/a./xhr", Route::Unknown),
            ("/echo//a/xhr", Route::Unknown),
            ("/echo/a//xhr", Route::Unknown),
            ("/echo/a/a/xhr/x", Route::Unknown),
            ("/echo/a/a/xhr//", Route::Unknown),
            ("/echo/a/a/XHR", Route::Unknown),
            ("/echo/a/a/jsonp;setup.bat", Route::Unknown),
            ("/echo/iframe.htm", Route::Unknown),
            ("/echo/iframe", Route::Unknown),
            ("/echo/IFRAME.HTML", Route::Unknown),
            ("/echo/iframe.HTML", Route::Unknown),
            ("/echo/iframe-A.html", Route::Unknown),
            ("/echo/iframe-/.html", Route::Unknown),
            ("/echo/iframe.xml", Route::Unknown),
        ] {
            assert_eq!(Route::parse("/echo", path), Some(route), "{path}");
        }
    }

    #[test]
    fn prefix_ends_at_a_segment() {
        for path in [
            "/",
            "/echoes",
            "/echoes/info",
            "/ech",
            "/ECHO/info",
            "/x/echo/info",
            "",
        ] {
            assert_eq!(Route::parse("/echo", path), None, "{path}");
        }
    }

    #[test]
    fn empty_prefix_has_everything() {
        assert_eq!(Route::parse("", "/"), Some(Route::Greeting));
        assert_eq!(Route::parse("", "/info"), Some(Route::Info));
        assert_eq!(
            Route::parse("", "/a/b/xhr"),
            Some(Route::Receive(ReceiveUrl::Xhr, "b".into()))
        );
        assert_eq!(Route::parse("", "//"), Some(Route::Unknown));
    }

    #[test]
    fn prefixes_are_encoded_as_browsers_do() {
        for (prefix, encoded) in [
            ("", ""),
            ("/", ""),
            ("///", ""),
            ("echo", "/echo"),
            ("//a/b//", "/a/b"),
            ("/chät", "/ch%C3%A4t"),
            ("/with space", "/with%20space"),
            ("/100%25", "/100%25"),
            ("/a?b#c", "/a%3Fb%23c"),
            ("/{a}^`\"<>", "/%7Ba%7D%5E%60%22%3C%3E"),
            ("/-._~!$&'()*+,;=:@|[]\\", "/-._~!$&'()*+,;=:@|[]\\"),
        ] {
            assert_eq!(encode_prefix(prefix), encoded, "{prefix}");
        }
    }

    #[test]
    fn long_ids_are_refused() {
        let longest = "a".repeat(MAX_ID_LEN);
        let path = format!("/echo/0/{longest}/xhr");
        assert_eq!(
            Route::parse("/echo", &path),
            Some(Route::Receive(ReceiveUrl::Xhr, longest.as_str().into()))
        );
        let path = format!("/echo/0/{longest}a/xhr");
        assert_eq!(Route::parse("/echo", &path), Some(Route::Unknown));
    }
}
