use bytes::Bytes;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use sockjs_core::IframePage;

use crate::http::header::{AllowedOrigins, HTML, cache};

/// The iframe page of a mount, and its headers.
#[derive(Clone, Debug)]
pub(crate) struct Iframe {
    page: IframePage,
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
        let page = IframePage::new(sockjs_url);
        Self {
            body: Bytes::from(page.html().to_owned()),
            etag: HeaderValue::try_from(page.etag()).expect("hexadecimal digits in quotes"),
            page,
            policy,
        }
    }

    pub(crate) fn response(&self, parts: &Parts) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        let mut known = parts.headers.get_all(IF_NONE_MATCH).iter();
        if known.any(|tags| self.page.is_known_by(tags.as_bytes())) {
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
}
