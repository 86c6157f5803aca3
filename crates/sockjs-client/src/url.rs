use http::Uri;

use crate::ConnectError;

/// The URL of a mount: what requests to it have in common.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct MountUrl {
    pub(crate) is_secure: bool,
    /// The host name or address, without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The value of the `Host` header.
    pub(crate) authority: String,
    /// The path without slashes at its end.
    path: String,
    /// The query with its question mark, or nothing.
    query: String,
}

impl MountUrl {
    /// Parses an absolute URL.
    pub(crate) fn parse(url: &str) -> Result<Self, ConnectError> {
        // `Uri` drops a fragment silently.
        if url.contains('#') {
            return Err(invalid("it has a fragment"));
        }
        let uri: Uri = url
            .parse()
            .map_err(|error| ConnectError::Url(format!("{error}")))?;
        let is_secure = match uri.scheme_str() {
            Some("http" | "ws") => false,
            Some("https" | "wss") => true,
            Some(_) => return Err(invalid("its scheme is not http, https, ws or wss")),
            None => return Err(invalid("it has no scheme")),
        };
        let authority = uri.authority().ok_or_else(|| invalid("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(invalid("it has a user name; use a header"));
        }
        let default_port = if is_secure { 443 } else { 80 };
        Ok(Self {
            is_secure,
            host: authority
                .host()
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
            port: authority.port_u16().unwrap_or(default_port),
            authority: authority.as_str().to_owned(),
            path: uri.path().trim_end_matches('/').to_owned(),
            query: uri.query().map(|it| format!("?{it}")).unwrap_or_default(),
        })
    }

    /// Parses the `base_url` of the server that this URL belongs to: an absolute URL, or a path.
    pub(crate) fn with_base_url(&self, base_url: &str) -> Result<Self, ConnectError> {
        let absolute = if base_url.starts_with("//") {
            let scheme = if self.is_secure { "https" } else { "http" };
            format!("{scheme}:{base_url}")
        } else if base_url.starts_with('/') {
            let scheme = if self.is_secure { "https" } else { "http" };
            format!("{scheme}://{}{base_url}", self.authority)
        } else {
            base_url.to_owned()
        };
        let url = Self::parse(&absolute)?;
        // Cookies and tokens that were meant for an encrypted connection must not leave without.
        if self.is_secure && !url.is_secure {
            return Err(invalid("base_url is not https, unlike the URL itself"));
        }
        Ok(url)
    }

    /// Returns the target of a request for something below the mount.
    pub(crate) fn target(&self, below: &str) -> String {
        format!("{}{below}{}", self.path, self.query)
    }
}

fn invalid(reason: &str) -> ConnectError {
    ConnectError::Url(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_below_the_mount_and_keep_its_query() {
        for (url, target) in [
            ("http://host/echo", "/echo/info"),
            ("http://host/echo/", "/echo/info"),
            ("http://host/a/echo?token=a/b", "/a/echo/info?token=a/b"),
            ("http://host", "/info"),
        ] {
            assert_eq!(MountUrl::parse(url).unwrap().target("/info"), target);
        }
    }

    #[test]
    fn a_url_says_where_to_connect() {
        for (url, is_secure, host, port, authority) in [
            ("http://host/echo", false, "host", 80, "host"),
            ("ws://host:81/echo", false, "host", 81, "host:81"),
            ("https://host/echo", true, "host", 443, "host"),
            ("wss://[::1]:8081/echo", true, "::1", 8081, "[::1]:8081"),
        ] {
            let url = MountUrl::parse(url).unwrap();
            assert_eq!(
                (url.is_secure, &*url.host, url.port, &*url.authority),
                (is_secure, host, port, authority)
            );
        }
    }

    #[test]
    fn other_urls_are_refused_with_a_reason() {
        for (url, reason) in [
            ("/echo", "it has no scheme"),
            ("ftp://host/", "its scheme is not http, https, ws or wss"),
            ("http://host/echo#x", "it has a fragment"),
            (
                "http://ann:secret@host/",
                "it has a user name; use a header",
            ),
        ] {
            let error = MountUrl::parse(url).unwrap_err().to_string();
            assert_eq!(error, format!("invalid URL: {reason}"));
        }
        assert!(MountUrl::parse("http://höst/").is_err());
        assert!(MountUrl::parse("").is_err());
    }

    #[test]
    fn a_base_url_may_be_a_path_or_another_host_but_not_less_secure() {
        let url = MountUrl::parse("https://host:1/echo?x=1").unwrap();
        for (base_url, expected) in [
            ("/live", "https://host:1/live"),
            ("//other/live", "https://other/live"),
            ("https://other:2/live", "https://other:2/live"),
        ] {
            let expected = MountUrl::parse(expected).unwrap();
            assert_eq!(url.with_base_url(base_url).unwrap(), expected);
        }
        assert!(url.with_base_url("http://host/live").is_err());
        assert!(url.with_base_url("live").is_err());
    }
}
