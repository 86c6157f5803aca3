use std::time::{Duration, SystemTime};

use crate::response::Response;

/// Asserts that a response must not be stored by anybody.
pub fn assert_not_cached(response: &Response<'_>) {
    let expected = "no-store, no-cache, no-transform, must-revalidate, max-age=0";
    assert_eq!(
        response.header("cache-control"),
        Some(expected),
        "{response:?}"
    );
    assert_eq!(response.header("expires"), None, "{response:?}");
    assert_eq!(response.header("last-modified"), None, "{response:?}");
}

/// Asserts that a response may be stored for a year.
pub fn assert_cached_for_a_year(response: &Response<'_>) {
    let expected = "public, max-age=31536000";
    assert_eq!(
        response.header("cache-control"),
        Some(expected),
        "{response:?}"
    );
    let expires = response.header("expires").expect("the response expires");
    let expires = httpdate::parse_http_date(expires).expect("an HTTP date");
    let left = expires
        .duration_since(SystemTime::now())
        .expect("not expired");
    let year = Duration::from_secs(31_536_000);
    let day = Duration::from_secs(24 * 60 * 60);
    assert!(left > year - day && left < year + day, "{left:?}");
    assert_eq!(response.header("last-modified"), None, "{response:?}");
}

/// Asserts that scripts of every origin may read a response, as a request with this `Origin` is told.
pub fn assert_cors(response: &Response<'_>, origin: Option<&str>) {
    let allowed = response.header("access-control-allow-origin");
    let credentials = response.header("access-control-allow-credentials");
    assert_eq!(allowed, Some(origin.unwrap_or("*")), "{response:?}");
    assert_eq!(credentials, origin.map(|_| "true"), "{response:?}");
    assert_eq!(response.header("vary"), Some("Origin"), "{response:?}");
}
