use crate::Transport;

/// A URL under the prefix of a SockJS server, and the ids in it.
///
/// A session URL is `PREFIX/SERVER/SESSION/ENDPOINT`. The client makes up both ids. The session id
/// identifies the session. The server ignores the server id, which exists so that load balancers can
/// route by it. The rules are P1 to P5 of `docs/protocol.md`.
///
/// ```
/// use sockjs_core::{Endpoint, Route};
///
/// let route = Route::parse("/echo", "/echo/000/abc/xhr_send").ok_or("another prefix")?;
/// assert_eq!(route.endpoint(), Endpoint::XhrSend);
/// assert_eq!(route.session_id(), "abc");
/// assert_eq!(route.server_id(), "000");
///
/// let route = Route::parse("/echo", "/echo/000/xhr_send").ok_or("another prefix")?;
/// assert_eq!(route.endpoint(), Endpoint::Unknown);
///
/// // The prefix ends at a segment.
/// assert_eq!(Route::parse("/echo", "/echoes/info"), None);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Route<'a> {
    endpoint: Endpoint,
    server_id: &'a str,
    session_id: &'a str,
}

impl<'a> Route<'a> {
    /// The number of bytes that an id may have. Clients choose the ids, and a server keeps them.
    pub const MAX_ID_LEN: usize = 128;

    /// Finds what `path` asks for; `None` if it is not under `prefix`.
    ///
    /// `path` is the path of the URL as it was requested, without its query. Nothing is
    /// percent-decoded: ids are compared byte for byte. `prefix` must be as
    /// [`encode_prefix`] returns it, and above all must not end with a slash.
    pub fn parse(prefix: &str, path: &'a str) -> Option<Self> {
        let rest = path.strip_prefix(prefix)?;
        if rest.is_empty() || rest == "/" {
            return Some(Self::without_ids(Endpoint::Greeting));
        }
        let rest = rest.strip_prefix('/')?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let mut segments = rest.split('/');
        let route = match (
            segments.next(),
            segments.next(),
            segments.next(),
            segments.next(),
        ) {
            (Some("info"), None, None, None) => Self::without_ids(Endpoint::Info),
            (Some("websocket"), None, None, None) => Self::without_ids(Endpoint::RawWebSocket),
            (Some(page), None, None, None) if is_iframe(page) => {
                Self::without_ids(Endpoint::Iframe)
            }
            (Some(server_id), Some(session_id), Some(action), None)
                if is_id(server_id) && is_id(session_id) =>
            {
                match Endpoint::of_session(action) {
                    Some(endpoint) => Self {
                        endpoint,
                        server_id,
                        session_id,
                    },
                    None => Self::without_ids(Endpoint::Unknown),
                }
            }
            _ => Self::without_ids(Endpoint::Unknown),
        };
        Some(route)
    }

    /// Returns what the URL asks for.
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Returns the session id; empty if the URL has none.
    ///
    /// The id is a secret between the client and the server: knowing it is all that it takes to join the
    /// session. Keep it out of logs. The id of a WebSocket URL means nothing: each WebSocket
    /// connection is a session of its own.
    pub fn session_id(&self) -> &'a str {
        self.session_id
    }

    /// Returns the server id; empty if the URL has none.
    pub fn server_id(&self) -> &'a str {
        self.server_id
    }

    fn without_ids(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            server_id: "",
            session_id: "",
        }
    }
}

/// What a URL asks for. The method and the query play no part in it (rule P3 of `docs/protocol.md`).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "they are the URLs of SockJS 0.3.3, and a driver has to answer each of them"
)]
pub enum Endpoint {
    /// The prefix itself, with or without a slash: the [greeting](crate::GREETING).
    Greeting,
    /// `info`: what the server offers, see [`Info`](crate::Info).
    Info,
    /// `iframe.html` and `iframeV.html` with any version `V`: the [`IframePage`](crate::IframePage).
    Iframe,
    /// `websocket`: a WebSocket without SockJS frames.
    RawWebSocket,
    /// `SERVER/SESSION/websocket`: a WebSocket with SockJS frames.
    WebSocket,
    /// `SERVER/SESSION/xhr`: a receive request.
    Xhr,
    /// `SERVER/SESSION/xhr_streaming`: a receive request.
    XhrStreaming,
    /// `SERVER/SESSION/eventsource`: a receive request.
    EventSource,
    /// `SERVER/SESSION/htmlfile`: a receive request.
    HtmlFile,
    /// `SERVER/SESSION/jsonp`: a receive request.
    Jsonp,
    /// `SERVER/SESSION/xhr_send`: a send request.
    XhrSend,
    /// `SERVER/SESSION/jsonp_send`: a send request.
    JsonpSend,
    /// A path under the prefix that is not in the table: see
    /// [`Refusal::NotFound`](crate::Refusal::NotFound).
    Unknown,
}

impl Endpoint {
    /// Returns the methods that the URL allows, in the order of the `Allow` header (rule P4).
    ///
    /// `OPTIONS` is first where pages of other origins send preflights. A server that does not allow
    /// other origins leaves it out. Over HTTP/2 a WebSocket begins with `CONNECT` (RFC 8441), which
    /// is not in the list.
    ///
    /// ```
    /// use sockjs_core::Endpoint;
    ///
    /// assert_eq!(Endpoint::Info.methods(), ["OPTIONS", "GET", "HEAD"]);
    /// assert_eq!(Endpoint::XhrSend.methods(), ["OPTIONS", "POST"]);
    /// assert_eq!(Endpoint::JsonpSend.methods(), ["POST"]);
    /// ```
    pub const fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Greeting | Self::Iframe => &["GET", "HEAD"],
            Self::Info => &["OPTIONS", "GET", "HEAD"],
            Self::RawWebSocket
            | Self::WebSocket
            | Self::EventSource
            | Self::HtmlFile
            | Self::Jsonp => &["GET"],
            Self::Xhr | Self::XhrStreaming | Self::XhrSend => &["OPTIONS", "POST"],
            Self::JsonpSend => &["POST"],
            Self::Unknown => &[],
        }
    }

    /// Returns the `Content-Type` of the answer to a request that succeeds; `None` for WebSockets, and
    /// for a URL that is unknown.
    ///
    /// The answer to [`XhrSend`](Self::XhrSend) has it although its body is empty.
    pub const fn content_type(self) -> Option<&'static str> {
        match self {
            Self::Greeting | Self::XhrSend | Self::JsonpSend => Some("text/plain; charset=UTF-8"),
            Self::Info => Some("application/json; charset=UTF-8"),
            Self::Iframe | Self::HtmlFile => Some("text/html; charset=UTF-8"),
            Self::Xhr | Self::XhrStreaming | Self::Jsonp => {
                Some("application/javascript; charset=UTF-8")
            }
            Self::EventSource => Some("text/event-stream"),
            Self::RawWebSocket | Self::WebSocket | Self::Unknown => None,
        }
    }

    /// Returns the transport of a WebSocket or of a receive request.
    ///
    /// A send request has none, because a session may use any send URL with any receive URL.
    pub const fn transport(self) -> Option<Transport> {
        match self {
            Self::RawWebSocket => Some(Transport::RawWebSocket),
            Self::WebSocket => Some(Transport::WebSocket),
            Self::Xhr => Some(Transport::Xhr),
            Self::XhrStreaming => Some(Transport::XhrStreaming),
            Self::EventSource => Some(Transport::EventSource),
            Self::HtmlFile => Some(Transport::HtmlFile),
            Self::Jsonp => Some(Transport::Jsonp),
            Self::Greeting
            | Self::Info
            | Self::Iframe
            | Self::XhrSend
            | Self::JsonpSend
            | Self::Unknown => None,
        }
    }

    /// Returns whether the URL has a session id.
    pub const fn has_session_id(self) -> bool {
        match self {
            Self::WebSocket
            | Self::Xhr
            | Self::XhrStreaming
            | Self::EventSource
            | Self::HtmlFile
            | Self::Jsonp
            | Self::XhrSend
            | Self::JsonpSend => true,
            Self::Greeting | Self::Info | Self::Iframe | Self::RawWebSocket | Self::Unknown => {
                false
            }
        }
    }

    fn of_session(action: &str) -> Option<Self> {
        match action {
            "websocket" => Some(Self::WebSocket),
            "xhr" => Some(Self::Xhr),
            "xhr_streaming" => Some(Self::XhrStreaming),
            "eventsource" => Some(Self::EventSource),
            "htmlfile" => Some(Self::HtmlFile),
            "jsonp" => Some(Self::Jsonp),
            "xhr_send" => Some(Self::XhrSend),
            "jsonp_send" => Some(Self::JsonpSend),
            _ => None,
        }
    }
}

/// Returns a prefix as it is in a URL: without slashes at its ends but with one in front, and with
/// the characters percent-encoded that browsers encode in a path.
///
/// An empty prefix stays empty. Escapes that are there already stay as they are.
///
/// ```
/// assert_eq!(sockjs_core::encode_prefix("live/ch\u{e4}t/"), "/live/ch%C3%A4t");
/// ```
pub fn encode_prefix(prefix: &str) -> String {
    let mut encoded = String::new();
    let prefix = prefix.trim_matches('/');
    if !prefix.is_empty() {
        encoded.push('/');
    }
    for byte in prefix.bytes() {
        // The path percent-encode set of the URL standard.
        let must = !byte.is_ascii_graphic() || b"\"#<>?^`{}".contains(&byte);
        if must {
            encoded.push_str(&format!("%{byte:02X}"));
        } else {
            encoded.push(byte.into());
        }
    }
    encoded
}

/// Returns whether a segment may be the id of a server or a session.
fn is_id(segment: &str) -> bool {
    !segment.is_empty() && segment.len() <= Route::MAX_ID_LEN && !segment.contains('.')
}

/// Returns whether a segment is `iframe.html` or `iframe<version>.html`.
fn is_iframe(segment: &str) -> bool {
    let version = segment
        .strip_prefix("iframe")
        .and_then(|rest| rest.strip_suffix(".html"));
    version.is_some_and(|version| {
        version
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'z' | b'-' | b'.' | b'_'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(prefix: &str, path: &str) -> Option<Endpoint> {
        Route::parse(prefix, path).map(|route| route.endpoint())
    }

    /// P2: Unknown paths.
    #[test]
    fn paths_name_what_they_ask_for() {
        for (path, endpoint) in [
            ("/echo", Endpoint::Greeting),
            ("/echo/", Endpoint::Greeting),
            ("/echo/info", Endpoint::Info),
            ("/echo/info/", Endpoint::Info),
            ("/echo/iframe.html", Endpoint::Iframe),
            ("/echo/iframe-.html", Endpoint::Iframe),
            ("/echo/iframe-1.6.1_a.html", Endpoint::Iframe),
            ("/echo/websocket", Endpoint::RawWebSocket),
            ("/echo/000/abc/websocket", Endpoint::WebSocket),
            ("/echo/000/abc/xhr", Endpoint::Xhr),
            ("/echo/000/abc/xhr/", Endpoint::Xhr),
            ("/echo/000/abc/xhr_streaming", Endpoint::XhrStreaming),
            ("/echo/000/abc/eventsource", Endpoint::EventSource),
            ("/echo/000/abc/htmlfile", Endpoint::HtmlFile),
            ("/echo/000/abc/jsonp", Endpoint::Jsonp),
            ("/echo/0/a%2Eb/xhr_send", Endpoint::XhrSend),
            ("/echo/info/info/jsonp_send", Endpoint::JsonpSend),
            ("/echo//", Endpoint::Unknown),
            ("/echo///", Endpoint::Unknown),
            ("/echo//info", Endpoint::Unknown),
            ("/echo/info//", Endpoint::Unknown),
            ("/echo/a", Endpoint::Unknown),
            ("/echo/a/a", Endpoint::Unknown),
            ("/echo/a/a/", Endpoint::Unknown),
            ("/echo/a/a/a", Endpoint::Unknown),
            ("/echo/a./a/xhr", Endpoint::Unknown),
            ("/echo/a/a./xhr", Endpoint::Unknown),
            ("/echo//a/xhr", Endpoint::Unknown),
            ("/echo/a//xhr", Endpoint::Unknown),
            ("/echo/a/a/xhr/x", Endpoint::Unknown),
            ("/echo/a/a/xhr//", Endpoint::Unknown),
            ("/echo/a/a/XHR", Endpoint::Unknown),
            ("/echo/a/a/jsonp;setup.bat", Endpoint::Unknown),
            ("/echo/iframe.htm", Endpoint::Unknown),
            ("/echo/iframe", Endpoint::Unknown),
            ("/echo/IFRAME.HTML", Endpoint::Unknown),
            ("/echo/iframe.HTML", Endpoint::Unknown),
            ("/echo/iframe-A.html", Endpoint::Unknown),
            ("/echo/iframe-/.html", Endpoint::Unknown),
            ("/echo/iframe.xml", Endpoint::Unknown),
        ] {
            assert_eq!(parse("/echo", path), Some(endpoint), "{path}");
        }
    }

    /// P5: Prefix.
    #[test]
    fn prefix_ends_at_a_segment() {
        for path in [
            "/",
            "/echoes",
            "/echoes/info",
            "/ech",
            "/ECHO/info",
            "/x/echo/info",
            "",
        ] {
            assert_eq!(Route::parse("/echo", path), None, "{path}");
        }
    }

    #[test]
    fn empty_prefix_has_everything() {
        assert_eq!(parse("", "/"), Some(Endpoint::Greeting));
        assert_eq!(parse("", "/info"), Some(Endpoint::Info));
        assert_eq!(parse("", "/a/b/xhr"), Some(Endpoint::Xhr));
        assert_eq!(parse("", "//"), Some(Endpoint::Unknown));
    }

    #[test]
    fn prefixes_are_encoded_as_browsers_do() {
        for (prefix, encoded) in [
            ("", ""),
            ("/", ""),
            ("///", ""),
            ("echo", "/echo"),
            ("//a/b//", "/a/b"),
            ("/chät", "/ch%C3%A4t"),
            ("/with space", "/with%20space"),
            ("/100%25", "/100%25"),
            ("/a?b#c", "/a%3Fb%23c"),
            ("/{a}^`\"<>", "/%7Ba%7D%5E%60%22%3C%3E"),
            ("/-._~!$&'()*+,;=:@|[]\\", "/-._~!$&'()*+,;=:@|[]\\"),
        ] {
            assert_eq!(encode_prefix(prefix), encoded, "{prefix}");
        }
    }

    /// P1: Ids.
    #[test]
    fn ids_are_taken_as_they_are() {
        for (path, server_id, session_id) in [
            ("/echo/000/abc/xhr", "000", "abc"),
            ("/echo/000/abc/websocket/", "000", "abc"),
            ("/echo/0/a%2Eb/xhr_send", "0", "a%2Eb"),
            ("/echo/info/info/jsonp_send", "info", "info"),
            ("/echo/000/abc/unknown", "", ""),
            ("/echo/info", "", ""),
        ] {
            let route = Route::parse("/echo", path).unwrap();
            assert_eq!(route.server_id(), server_id, "{path}");
            assert_eq!(route.session_id(), session_id, "{path}");
            let has_id = route.endpoint().has_session_id();
            assert_eq!(has_id, !session_id.is_empty(), "{path}");
        }
    }

    /// P1: Ids.
    #[test]
    fn long_ids_are_refused() {
        let longest = "a".repeat(Route::MAX_ID_LEN);
        for path in [
            format!("/echo/0/{longest}/xhr"),
            format!("/echo/{longest}/0/xhr"),
        ] {
            assert_eq!(parse("/echo", &path), Some(Endpoint::Xhr));
            let path = path.replacen("aa", "aaa", 1);
            assert_eq!(parse("/echo", &path), Some(Endpoint::Unknown));
        }
    }
}
