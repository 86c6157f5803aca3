use std::sync::OnceLock;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};

/// The URI and the headers of a request, kept for as long as a session lives.
///
/// In the request they are slices of the connection's read buffer and would keep all of it in
/// memory, and a `HeaderMap` takes much more space than its contents. So they are copied into one
/// allocation, and parsed again when the application asks for them.
#[derive(Debug)]
pub(super) struct Head {
    /// The URI, then a line `name:value` for each header. Neither can contain a line feed.
    text: Box<[u8]>,
    parsed: OnceLock<Box<(Uri, HeaderMap)>>,
}

impl Head {
    pub(super) fn new(uri: &Uri, headers: &HeaderMap) -> Self {
        let whole;
        let uri = match uri.path_and_query() {
            Some(path) if uri.authority().is_none() => path.as_str(),
            _ => {
                whole = uri.to_string();
                &whole
            }
        };
        let fields = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 2);
        let mut text = Vec::with_capacity(uri.len() + fields.sum::<usize>());
        text.extend_from_slice(uri.as_bytes());
        for (name, value) in headers {
            text.push(b'\n');
            text.extend_from_slice(name.as_str().as_bytes());
            text.push(b':');
            text.extend_from_slice(value.as_bytes());
        }
        Self {
            text: text.into_boxed_slice(),
            parsed: OnceLock::new(),
        }
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.parsed().0
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.parsed().1
    }

    /// Returns the first `len` bytes of the path.
    pub(super) fn start_of_path(&self, len: usize) -> &str {
        let uri = self.text.split(|b| *b == b'\n').next();
        let uri = uri.and_then(|uri| std::str::from_utf8(uri).ok());
        let path = uri.and_then(|uri| match uri.split_once("://") {
            // The authority of an absolute URI ends before the path. The path of any other URI begins
            // with a slash.
            Some((_, rest)) if !uri.starts_with('/') => rest.find('/').map(|start| &rest[start..]),
            _ => Some(uri),
        });
        path.and_then(|path| path.get(..len)).unwrap_or_default()
    }

    fn parsed(&self) -> &(Uri, HeaderMap) {
        self.parsed.get_or_init(|| {
            let mut lines = self.text.split(|b| *b == b'\n');
            let uri = lines
                .next()
                .and_then(|uri| Uri::try_from(uri).ok())
                .unwrap_or_default();
            Box::new((uri, lines.filter_map(parse_line).collect()))
        })
    }
}

fn parse_line(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|b| *b == b':')?;
    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
    let value = HeaderValue::from_bytes(&line[colon + 1..]).ok()?;
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uri_and_headers_survive_the_copy() {
        let mut headers = HeaderMap::new();
        headers.append("host", HeaderValue::from_static("localhost:3000"));
        headers.append("x-two", HeaderValue::from_static("a"));
        headers.append("x-two", HeaderValue::from_static(""));
        headers.append("x-bytes", HeaderValue::from_bytes(b"\x80: \xff").unwrap());
        for uri in ["/echo/0/-/xhr?a=1", "http://h:1/echo/0/-/websocket", "/"] {
            let head = Head::new(&Uri::from_static(uri), &headers);
            assert_eq!(*head.uri(), Uri::from_static(uri));
            assert_eq!(*head.headers(), headers);
            let path = head.uri().path();
            assert_eq!(head.start_of_path(path.len()), path);
        }
    }

    #[test]
    fn start_of_the_path_is_found_in_every_form_of_a_uri() {
        for (uri, len, expected) in [
            ("/t/acme/echo/0/-/xhr?u=http://h/", 12, "/t/acme/echo"),
            ("http://h:1/t/acme/echo/0/-/xhr", 12, "/t/acme/echo"),
            ("/t/h://x/echo", 8, "/t/h://x"),
            ("http://h:1/", 0, ""),
            ("/", 2, ""),
        ] {
            let head = Head::new(&Uri::from_static(uri), &HeaderMap::new());
            assert_eq!(head.start_of_path(len), expected, "{uri}");
        }
    }
}
