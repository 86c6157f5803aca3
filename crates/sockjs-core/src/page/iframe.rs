use std::hash::{DefaultHasher, Hash, Hasher};

/// The page that a client of another origin loads into a hidden frame, to send its requests from
/// there.
///
/// It is the same for every version in the URL and for every request, so a server makes it once. It may
/// be cached for a year. The rules are P53 and P54 of `docs/protocol.md`.
///
/// Whatever page embeds it, a script inside it acts from the server's own origin. A server that allows
/// some origins only must send `Content-Security-Policy: frame-ancestors` with these origins.
///
/// ```
/// use sockjs_core::IframePage;
///
/// let page = IframePage::new("https://cdn.example/sockjs-1.6.1.min.js");
/// assert!(page.html().contains(r#"<script src="https://cdn.example/sockjs-1.6.1.min.js">"#));
///
/// // The next time, the client asks with `If-None-Match`.
/// assert!(page.is_known_by(page.etag().as_bytes()));
/// assert!(!page.is_known_by(b"\"another\""));
/// ```
#[derive(Clone, Debug)]
pub struct IframePage {
    html: String,
    etag: String,
}

impl IframePage {
    /// Makes the page, which loads the JavaScript client from `sockjs_url`.
    ///
    /// The client must be of exactly the version that the embedding page uses. Otherwise it gives up
    /// with "Incompatible SockJS". Never take the URL from a request, because the script runs in
    /// the server's origin.
    pub fn new(sockjs_url: &str) -> Self {
        let html = PAGE.replace("SOCKJS_URL", &escape(sockjs_url));
        let mut hasher = DefaultHasher::new();
        html.hash(&mut hasher);
        let etag = format!("\"{:016x}\"", hasher.finish());
        Self { html, etag }
    }

    /// Returns the page.
    pub fn html(&self) -> &str {
        &self.html
    }

    /// Returns the value of the `ETag` header, in its quotes. It depends on the page only.
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// Returns whether a value of an `If-None-Match` header has the tag of this page. The client then
    /// needs no second copy: the answer is 304, without a body and without `Content-Type`.
    ///
    /// The comparison is weak: RFC 9110 §13.1.2.
    pub fn is_known_by(&self, if_none_match: &[u8]) -> bool {
        if_none_match
            .split(|b| *b == b',')
            .map(<[u8]>::trim_ascii)
            .any(|tag| {
                tag == b"*" || self.etag.as_bytes() == tag.strip_prefix(b"W/").unwrap_or(tag)
            })
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

#[cfg(test)]
mod tests {
    use super::*;

    /// P53: Iframe page.
    #[test]
    fn the_url_is_the_only_part_that_varies() {
        let page = IframePage::new("/sockjs.js");
        assert_eq!(page.html(), PAGE.replace("SOCKJS_URL", "/sockjs.js"));
    }

    #[test]
    fn the_url_cannot_end_its_attribute() {
        let page = IframePage::new("/x.js?a&b\"></script>");
        assert!(
            page.html()
                .contains(r#"src="/x.js?a&amp;b&quot;&gt;&lt;/script&gt;""#)
        );
    }

    /// P54: Iframe caching.
    #[test]
    fn the_tag_depends_on_the_page_and_is_compared_weakly() {
        let page = IframePage::new("/sockjs.js");
        assert_eq!(page.etag(), IframePage::new("/sockjs.js").etag());
        assert_ne!(page.etag(), IframePage::new("/other.js").etag());
        let tag = page.etag();
        for (header, is_known) in [
            (tag.to_owned(), true),
            (format!("W/{tag}"), true),
            (format!("\"a\", {tag} ,\"b\""), true),
            ("*".to_owned(), true),
            (String::new(), false),
            ("\"a\"".to_owned(), false),
            (tag.trim_matches('"').to_owned(), false),
            (format!("w/{tag}"), false),
        ] {
            assert_eq!(page.is_known_by(header.as_bytes()), is_known, "{header}");
        }
    }
}
