use http::Method;
use sockjs_core::Transport;

use crate::config::Cors;

/// What a path under the prefix asks for. Methods and the query string play no part in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Route {
    Greeting,
    Info,
    Iframe,
    RawWebSocket,
    /// An action on the session with that id.
    Session(Box<str>, Action),
    Unknown,
}

/// The last segment of a session URL.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Action {
    WebSocket,
    Xhr,
    XhrStreaming,
    EventSource,
    HtmlFile,
    Jsonp,
    XhrSend,
    JsonpSend,
}

impl Route {
    /// Finds what `path` asks for; `None` if it is not under `prefix`.
    ///
    /// `prefix` has no slash at its end.
    pub(crate) fn parse(prefix: &str, path: &str) -> Option<Self> {
        let rest = path.strip_prefix(prefix)?;
        if rest.is_empty() || rest == "/" {
            return Some(Self::Greeting);
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
            (Some("info"), None, None, None) => Self::Info,
            (Some("websocket"), None, None, None) => Self::RawWebSocket,
            (Some(page), None, None, None) if is_iframe(page) => Self::Iframe,
            (Some(server), Some(session), Some(action), None)
                if is_id(server) && is_id(session) =>
            {
                match Action::parse(action) {
                    Some(action) => Self::Session(session.into(), action),
                    None => Self::Unknown,
                }
            }
            _ => Self::Unknown,
        };
        Some(route)
    }

    /// Returns the methods that make sense here.
    pub(crate) fn allow(&self, cors: Cors) -> &'static [Method] {
        match (self, cors) {
            (Self::Greeting | Self::Iframe, _) => GET_HEAD,
            (Self::Info, Cors::Enabled) => OPTIONS_GET_HEAD,
            (Self::Info, Cors::Disabled) => GET_HEAD,
            (Self::RawWebSocket, _) => GET,
            (Self::Session(_, action), _) => match (action, cors) {
                (Action::WebSocket | Action::EventSource | Action::HtmlFile | Action::Jsonp, _) => {
                    GET
                }
                (Action::Xhr | Action::XhrStreaming | Action::XhrSend, Cors::Enabled) => {
                    OPTIONS_POST
                }
                (Action::Xhr | Action::XhrStreaming | Action::XhrSend | Action::JsonpSend, _) => {
                    POST
                }
            },
            (Self::Unknown, _) => &[],
        }
    }

    /// Returns whether this is one of the two WebSocket endpoints.
    pub(crate) fn is_websocket(&self) -> bool {
        matches!(
            self,
            Self::RawWebSocket | Self::Session(_, Action::WebSocket)
        )
    }

    /// Returns whether the URL is for allowed origins only.
    pub(crate) fn is_guarded(&self) -> bool {
        matches!(self, Self::Info | Self::RawWebSocket | Self::Session(..))
    }

    /// Returns how the client loads what any page can load without a word of its origin: mode and
    /// destination, as Fetch calls them.
    pub(crate) fn loaded_as(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Session(_, Action::EventSource) => Some(("cors", "empty")),
            Self::Session(_, Action::HtmlFile) => Some(("navigate", "iframe")),
            Self::Session(_, Action::Jsonp) => Some(("no-cors", "script")),
            _ => None,
        }
    }

    /// Returns whether pages of other origins may read the answers.
    pub(crate) fn is_shared(&self) -> bool {
        match self {
            Self::Info => true,
            Self::Session(_, action) => matches!(
                action,
                Action::Xhr | Action::XhrStreaming | Action::XhrSend | Action::EventSource
            ),
            Self::Greeting | Self::Iframe | Self::RawWebSocket | Self::Unknown => false,
        }
    }
}

impl Action {
    /// Returns the transport of a receive request; `None` for a send request.
    pub(crate) fn transport(self) -> Option<Transport> {
        match self {
            Self::WebSocket => Some(Transport::WebSocket),
            Self::Xhr => Some(Transport::Xhr),
            Self::XhrStreaming => Some(Transport::XhrStreaming),
            Self::EventSource => Some(Transport::EventSource),
            Self::HtmlFile => Some(Transport::HtmlFile),
            Self::Jsonp => Some(Transport::Jsonp),
            Self::XhrSend | Self::JsonpSend => None,
        }
    }

    fn parse(segment: &str) -> Option<Self> {
        Some(match segment {
            "websocket" => Self::WebSocket,
            "xhr" => Self::Xhr,
            "xhr_streaming" => Self::XhrStreaming,
            "eventsource" => Self::EventSource,
            "htmlfile" => Self::HtmlFile,
            "jsonp" => Self::Jsonp,
            "xhr_send" => Self::XhrSend,
            "jsonp_send" => Self::JsonpSend,
            _ => return None,
        })
    }
}

/// Returns whether a segment may name a server or a session. Ids come from clients and are kept
/// for a while, hence the limit.
fn is_id(segment: &str) -> bool {
    !segment.is_empty() && segment.len() <= MAX_ID_LEN && !segment.contains('.')
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

const MAX_ID_LEN: usize = 128;

const GET: &[Method] = &[Method::GET];
const GET_HEAD: &[Method] = &[Method::GET, Method::HEAD];
const OPTIONS_GET_HEAD: &[Method] = &[Method::OPTIONS, Method::GET, Method::HEAD];
const OPTIONS_POST: &[Method] = &[Method::OPTIONS, Method::POST];
const POST: &[Method] = &[Method::POST];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_what_they_ask_for() {
        for (path, route) in [
            ("/echo", Route::Greeting),
            ("/echo/", Route::Greeting),
            ("/echo/info", Route::Info),
            ("/echo/info/", Route::Info),
            ("/echo/iframe.html", Route::Iframe),
            ("/echo/iframe-.html", Route::Iframe),
            ("/echo/iframe-1.6.1_a.html", Route::Iframe),
            ("/echo/websocket", Route::RawWebSocket),
            (
                "/echo/000/abc/websocket",
                Route::Session("abc".into(), Action::WebSocket),
            ),
            (
                "/echo/000/abc/xhr",
                Route::Session("abc".into(), Action::Xhr),
            ),
            (
                "/echo/000/abc/xhr/",
                Route::Session("abc".into(), Action::Xhr),
            ),
            (
                "/echo/0/a%2Eb/xhr_send",
                Route::Session("a%2Eb".into(), Action::XhrSend),
            ),
            (
                "/echo/info/info/jsonp_send",
                Route::Session("info".into(), Action::JsonpSend),
            ),
            ("/echo//", Route::Unknown),
            ("/echo///", Route::Unknown),
            ("/echo//info", Route::Unknown),
            ("/echo/info//", Route::Unknown),
            ("/echo/a", Route::Unknown),
            ("/echo/a/a", Route::Unknown),
            ("/echo/a/a/", Route::Unknown),
            ("/echo/a/a/a", Route::Unknown),
            ("/echo/a./a/xhr", Route::Unknown),
            ("/echo/a/a./xhr", Route::Unknown),
            ("/echo//a/xhr", Route::Unknown),
            ("/echo/a//xhr", Route::Unknown),
            ("/echo/a/a/xhr/x", Route::Unknown),
            ("/echo/a/a/xhr//", Route::Unknown),
            ("/echo/a/a/XHR", Route::Unknown),
            ("/echo/a/a/jsonp;setup.bat", Route::Unknown),
            ("/echo/iframe.htm", Route::Unknown),
            ("/echo/iframe", Route::Unknown),
            ("/echo/IFRAME.HTML", Route::Unknown),
            ("/echo/iframe.HTML", Route::Unknown),
            ("/echo/iframe-A.html", Route::Unknown),
            ("/echo/iframe-/.html", Route::Unknown),
            ("/echo/iframe.xml", Route::Unknown),
        ] {
            assert_eq!(Route::parse("/echo", path), Some(route), "{path}");
        }
    }

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
        assert_eq!(Route::parse("", "/"), Some(Route::Greeting));
        assert_eq!(Route::parse("", "/info"), Some(Route::Info));
        assert_eq!(
            Route::parse("", "/a/b/xhr"),
            Some(Route::Session("b".into(), Action::Xhr))
        );
        assert_eq!(Route::parse("", "//"), Some(Route::Unknown));
    }

    #[test]
    fn long_ids_are_refused() {
        let longest = "a".repeat(MAX_ID_LEN);
        let path = format!("/echo/0/{longest}/xhr");
        assert_eq!(
            Route::parse("/echo", &path),
            Some(Route::Session(longest.as_str().into(), Action::Xhr))
        );
        let path = format!("/echo/0/{longest}a/xhr");
        assert_eq!(Route::parse("/echo", &path), Some(Route::Unknown));
    }
}
