use std::time::Duration;

use http::header::{CACHE_CONTROL, EXPIRES};
use http::{HeaderMap, HeaderValue};

use crate::clock;

/// Forbids caches to keep the response, and proxies to change it.
pub(super) fn never(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, NEVER);
}

/// Allows caches to keep the response, if they ask each time whether it is still valid.
pub(crate) fn if_unchanged(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, IF_UNCHANGED);
}

/// Allows caches to keep the response for a year.
pub(crate) fn for_a_year(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, FOR_A_YEAR);
    let expires = httpdate::fmt_http_date(clock::date() + YEAR);
    if let Ok(expires) = HeaderValue::try_from(expires) {
        headers.insert(EXPIRES, expires);
    }
}

const NEVER: HeaderValue =
    HeaderValue::from_static("no-store, no-cache, no-transform, must-revalidate, max-age=0");
const IF_UNCHANGED: HeaderValue = HeaderValue::from_static("no-cache");
const FOR_A_YEAR: HeaderValue = HeaderValue::from_static("public, max-age=31536000");
const YEAR: Duration = Duration::from_secs(31_536_000);
