use http::header::HOST;
use http::request::Parts;

/// The name and the port under which a client asked for the server.
///
/// They are not proof of anything if the client is a program. But a script cannot change them, and
/// so they tell a page of a known name from a page whose name was pointed at this server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Authority<'a>(&'a str);

impl<'a> Authority<'a> {
    /// Finds the authority of a request, if it has exactly one.
    ///
    /// `X-Forwarded-Host` plays no part in it, because scripts can set that header.
    pub(super) fn of(parts: &'a Parts) -> Option<Self> {
        if let Some(authority) = parts.uri.authority() {
            // The pseudo-header of HTTP/2, or an absolute URI, which takes precedence over `Host`:
            // RFC 9112 §3.2.2.
            return Some(Self(authority.as_str()));
        }
        let mut hosts = parts.headers.get_all(HOST).iter();
        match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.to_str().ok().map(Self),
            _ => None,
        }
    }

    /// Returns whether this is the authority of an origin. The default port of the scheme may be
    /// written or omitted.
    pub(super) fn is(self, scheme: &str, authority: &str) -> bool {
        // Origins of files have none.
        !authority.is_empty()
            && self
                .without_default_port(scheme)
                .eq_ignore_ascii_case(authority)
    }

    /// Returns the origin with this authority, as a browser writes it.
    pub(super) fn origin(self, scheme: &str) -> String {
        let authority = self.without_default_port(scheme).to_ascii_lowercase();
        format!("{scheme}://{authority}")
    }

    fn without_default_port(self, scheme: &str) -> &'a str {
        let port = match scheme {
            "https" | "wss" => ":443",
            "http" | "ws" => ":80",
            _ => return self.0,
        };
        self.0.strip_suffix(port).unwrap_or(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn parts(uri: &str, hosts: &[&str]) -> Parts {
        let mut request = Request::get(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn authority_is_in_the_uri_or_in_the_only_host_header() {
        for (uri, hosts, expected) in [
            ("/info", &["app.example"][..], Some("app.example")),
            ("http://app.example:1/info", &[], Some("app.example:1")),
            ("http://app.example/", &["evil.com"], Some("app.example")),
            ("/info", &[], None),
            ("/info", &["app.example", "app.example"], None),
        ] {
            let parts = parts(uri, hosts);
            let authority = Authority::of(&parts).map(|authority| authority.0);
            assert_eq!(authority, expected, "{uri}, {hosts:?}");
        }
    }

    #[test]
    fn default_port_may_be_written_or_omitted() {
        for (own, scheme, authority, expected) in [
            ("app.example", "https", "app.example", true),
            ("APP.example", "https", "app.example", true),
            ("app.example:443", "https", "app.example", true),
            ("app.example:80", "http", "app.example", true),
            ("app.example:80", "https", "app.example", false),
            ("app.example:8443", "https", "app.example:8443", true),
            ("app.example", "https", "app.example:8443", false),
            ("app.example:8443", "https", "app.example", false),
            ("[::1]:80", "http", "[::1]", true),
            ("user@app.example", "https", "app.example", false),
            ("evil.com", "https", "app.example", false),
            ("", "file", "", false),
        ] {
            let is = Authority(own).is(scheme, authority);
            assert_eq!(is, expected, "{own}, {scheme}://{authority}");
        }
    }

    #[test]
    fn origin_is_written_as_browsers_do() {
        let own = Authority("App.example:443");
        assert_eq!(own.origin("https"), "https://app.example");
        assert_eq!(own.origin("http"), "http://app.example:443");
    }
}
