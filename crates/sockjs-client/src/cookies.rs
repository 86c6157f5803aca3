use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};

/// The cookies that a client sends.
///
/// Load balancers route a session by a cookie that the first response sets. Only that is supported:
/// attributes are ignored, except for `Max-Age`, which may remove a cookie.
#[derive(Debug, Default)]
pub(crate) struct Cookies {
    /// For each authority, name and value.
    by_authority: Mutex<HashMap<String, Vec<(String, String)>>>,
}

impl Cookies {
    /// Remembers a cookie.
    pub(crate) fn set(&self, authority: &str, name: &str, value: &str) {
        self.change(authority, |cookies| {
            if let Some(cookie) = cookies.iter_mut().find(|(it, _)| it == name) {
                value.clone_into(&mut cookie.1);
            } else if cookies.len() < MAX_COOKIES {
                cookies.push((name.to_owned(), value.to_owned()));
            }
        });
    }

    /// Remembers the cookies that a response sets.
    pub(crate) fn learn(&self, authority: &str, headers: &HeaderMap) {
        for header in headers.get_all(SET_COOKIE) {
            // As in a browser, a cookie that is too long is ignored.
            let Ok(text) = header.to_str() else { continue };
            if text.len() > MAX_COOKIE_LEN {
                continue;
            }
            let mut parts = text.split(';');
            let Some((name, value)) = parts.next().and_then(|it| it.split_once('=')) else {
                continue;
            };
            let (name, value) = (name.trim(), value.trim());
            if name.is_empty() {
                continue;
            }
            if parts.any(is_expired) {
                self.change(authority, |cookies| cookies.retain(|(it, _)| it != name));
            } else {
                self.set(authority, name, value);
            }
        }
    }

    /// Returns the value of the `Cookie` header of a request.
    pub(crate) fn header(&self, authority: &str) -> Option<HeaderValue> {
        let mut header = String::new();
        self.change(authority, |cookies| {
            for (name, value) in cookies {
                if !header.is_empty() {
                    header.push_str("; ");
                }
                header.push_str(name);
                header.push('=');
                header.push_str(value);
            }
        });
        if header.is_empty() {
            return None;
        }
        HeaderValue::try_from(header).ok()
    }

    fn change(&self, authority: &str, change: impl FnOnce(&mut Vec<(String, String)>)) {
        let mut by_authority = self
            .by_authority
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        change(by_authority.entry(authority.to_owned()).or_default());
    }
}

fn is_expired(attribute: &str) -> bool {
    attribute
        .split_once('=')
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("max-age"))
        .and_then(|(_, seconds)| seconds.trim().parse::<i64>().ok())
        .is_some_and(|seconds| seconds <= 0)
}

/// Cookies of one server. RFC 6265 asks for as many.
const MAX_COOKIES: usize = 50;

const MAX_COOKIE_LEN: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn learn(cookies: &Cookies, header: &str) {
        let mut headers = HeaderMap::new();
        headers.insert(SET_COOKIE, HeaderValue::try_from(header).unwrap());
        cookies.learn("host", &headers);
    }

    #[test]
    fn cookies_are_sent_back_to_the_server_that_set_them() {
        let cookies = Cookies::default();
        assert_eq!(cookies.header("host"), None);
        learn(&cookies, "JSESSIONID=dummy; path=/");
        learn(&cookies, "SERVER=s1; HttpOnly");
        learn(&cookies, "JSESSIONID=abc=\"d\"");
        assert_eq!(
            cookies.header("host").unwrap(),
            "JSESSIONID=abc=\"d\"; SERVER=s1"
        );
        assert_eq!(cookies.header("other"), None);
    }

    #[test]
    fn a_cookie_is_removed_by_its_age() {
        let cookies = Cookies::default();
        learn(&cookies, "a=1; Max-Age=60");
        learn(&cookies, "b=2");
        learn(&cookies, "b=; max-age=0");
        assert_eq!(cookies.header("host").unwrap(), "a=1");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let cookies = Cookies::default();
        learn(&cookies, &format!("long={}", "x".repeat(MAX_COOKIE_LEN)));
        learn(&cookies, "no equals sign");
        learn(&cookies, "=nameless");
        assert_eq!(cookies.header("host"), None);
        for i in 0..1000 {
            learn(&cookies, &format!("c{i}=x"));
        }
        let header = cookies.header("host").unwrap();
        assert_eq!(header.to_str().unwrap().split("; ").count(), MAX_COOKIES);
    }
}
