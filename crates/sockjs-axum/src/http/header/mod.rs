pub(crate) mod cache;
pub(crate) mod cookie;
pub(crate) mod cors;
pub(crate) mod origin;

use http::header::{SET_COOKIE, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};

use crate::config::{Config, Cors};
use crate::http::route::Route;

use self::cors::CorsHeaders;
use self::origin::Judgement;

/// The headers that a response has for its URL's sake, whatever the answer.
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
        config: &Config,
        route: &Route,
        parts: &Parts,
        judgement: Judgement,
    ) -> Self {
        let cors = match judgement {
            Judgement::Allowed | Judgement::Nameless | Judgement::Unstated => {
                (config.cors == Cors::Enabled && route.is_shared())
                    .then(|| CorsHeaders::for_request(&parts.headers))
            }
            Judgement::Refused => None,
        };
        let cookie = match route {
            Route::Session(..) => cookie::jsessionid(&config.jsessionid, parts),
            _ => None,
        };
        let cache = match route {
            // The answer to a preflight may be kept.
            Route::Info | Route::Session(..) if parts.method != Method::OPTIONS => Cache::Never,
            _ => Cache::AsIs,
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

pub(crate) const TEXT_PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=UTF-8");
pub(crate) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=UTF-8");
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=UTF-8");
pub(crate) const JAVASCRIPT: HeaderValue =
    HeaderValue::from_static("application/javascript; charset=UTF-8");
pub(crate) const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
