use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};

use crate::http::header::{AllowedOrigins, HTML, cache};

/// The page that clients of other origins load into a hidden frame. They send their requests from
/// there.
#[derive(Clone, Debug)]
pub(crate) struct Iframe {
    body: Bytes,
    etag: HeaderValue,
    policy: Option<HeaderValue>,
}

impl Iframe {
    /// Makes the page. Only pages of `allowed` origins can embed it, because a script inside it acts
    /// from the server's own origin, whichever page embeds it.
    pub(crate) fn new(sockjs_url: &str, allowed: &AllowedOrigins) -> Self {
        let policy = allowed.frame_ancestors().map(|ancestors| {
            HeaderValue::try_from(format!("frame-ancestors {ancestors}"))
                .expect("checked by `AllowedOrigins::list`")
        });
        let body = PAGE.replace("SOCKJS_URL", &escape(sockjs_url));
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let etag = format!("\"{:016x}\"", hasher.finish());
        Self {
            body: Bytes::from(body),
            etag: HeaderValue::try_from(etag).expect("hexadecimal digits in quotes"),
            policy,
        }
    }

    pub(crate) fn response(&self, parts: &Parts) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        if self.matches(parts) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            *response.body_mut() = self.body.clone();
            response.headers_mut().insert(CONTENT_TYPE, HTML);
        }
        response.headers_mut().insert(ETAG, self.etag.clone());
        match &self.policy {
            None => cache::for_a_year(response.headers_mut()),
            // A cached page would let an origin that was removed from the list embed it for a year.
            Some(policy) => {
                cache::if_unchanged(response.headers_mut());
                response
                    .headers_mut()
                    .insert(CONTENT_SECURITY_POLICY, policy.clone());
            }
        }
        response
    }

    /// Returns whether the client already has this page: weak comparison, RFC 9110 §13.1.2.
    fn matches(&self, parts: &Parts) -> bool {
        parts
            .headers
            .get_all(IF_NONE_MATCH)
            .iter()
            .flat_map(|header| header.as_bytes().split(|b| *b == b','))
            .map(<[u8]>::trim_ascii)
            .any(|tag| tag == b"*" || self.etag == tag.strip_prefix(b"W/").unwrap_or(tag))
    }
}

/// Escapes a configured URL for a double-quoted attribute.
fn escape(url: &str) -> String {
    url.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

const PAGE: &str = r#"<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src="SOCKJS_URL"></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>"#;
