mod authority;
pub(crate) mod cache;
mod cookie;
mod cors;
mod origin;

use http::header::{SET_COOKIE, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use sockjs_core::Endpoint;

use super::route::Route;

use self::cors::CorsHeaders;

pub use self::cookie::{JSessionId, SameSite};
pub(crate) use self::cors::{Cors, PrivateNetwork, preflight};
pub use self::origin::{AllowedOrigins, InvalidOrigin};
pub(crate) use self::origin::{Judgement, NullOriginPolicy, Silence, is_loaded_by_own_page};

/// The headers that every response of a URL has, whether the request succeeds or fails.
pub(crate) struct Headers {
    cors: Option<CorsHeaders>,
    cookie: Option<HeaderValue>,
    cache: Cache,
}

enum Cache {
    AsIs,
    Never,
}

impl Headers {
    pub(crate) fn for_request(
        cors: Cors,
        jsessionid: &JSessionId,
        route: &Route,
        parts: &Parts,
        judgement: Judgement,
    ) -> Self {
        let cors = match judgement {
            Judgement::Allowed | Judgement::NullOrigin | Judgement::NoOrigin => {
                (cors == Cors::Enabled && route.is_readable_by_other_origins())
                    .then(|| CorsHeaders::for_request(&parts.headers))
            }
            Judgement::Refused => None,
        };
        let cookie = if route.endpoint().has_session_id() {
            cookie::jsessionid(jsessionid, parts)
        } else {
            None
        };
        // Caches may keep the answer to a preflight.
        let is_cached = parts.method == Method::OPTIONS;
        let cache = if !is_cached
            && (route.endpoint().has_session_id() || route.endpoint() == Endpoint::Info)
        {
            Cache::Never
        } else {
            Cache::AsIs
        };
        Self {
            cors,
            cookie,
            cache,
        }
    }

    pub(crate) fn apply(self, headers: &mut HeaderMap) {
        headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        if let Some(cors) = self.cors {
            cors.apply(headers);
        }
        if let Some(cookie) = self.cookie {
            headers.append(SET_COOKIE, cookie);
        }
        if let Cache::Never = self.cache {
            cache::never(headers);
        }
    }
}

pub(crate) const TEXT_PLAIN: HeaderValue = content_type(Endpoint::Greeting);
pub(crate) const HTML: HeaderValue = content_type(Endpoint::Iframe);
pub(crate) const JSON: HeaderValue = content_type(Endpoint::Info);
pub(crate) const JAVASCRIPT: HeaderValue = content_type(Endpoint::Xhr);
pub(crate) const EVENT_STREAM: HeaderValue = content_type(Endpoint::EventSource);
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

const fn content_type(endpoint: Endpoint) -> HeaderValue {
    match endpoint.content_type() {
        Some(content_type) => HeaderValue::from_static(content_type),
        None => panic!("its answer has no body"),
    }
}
