use sockjs_axum::Transport;

use crate::response::Response;

/// A receive transport over HTTP, as a client sees it: which request, which bytes around a frame.
///
/// Written from the protocol and not from the implementation; the callback of the transports that
/// need one is `cb`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wire {
    /// Polling.
    Xhr,
    /// Streaming.
    XhrStreaming,
    /// Streaming, as server-sent events.
    EventSource,
    /// Streaming, as a page of script elements.
    HtmlFile,
    /// Polling, as a script.
    Jsonp,
}

impl Wire {
    /// Every receive transport.
    pub const ALL: [Self; 5] = [
        Self::Xhr,
        Self::XhrStreaming,
        Self::EventSource,
        Self::HtmlFile,
        Self::Jsonp,
    ];

    /// Returns the method of its requests.
    pub fn method(self) -> &'static str {
        match self {
            Self::Xhr | Self::XhrStreaming => "POST",
            Self::EventSource | Self::HtmlFile | Self::Jsonp => "GET",
        }
    }

    /// Returns what follows the session in the URL.
    pub fn endpoint(self) -> &'static str {
        match self {
            Self::Xhr => "xhr",
            Self::XhrStreaming => "xhr_streaming",
            Self::EventSource => "eventsource",
            Self::HtmlFile => "htmlfile?c=cb",
            Self::Jsonp => "jsonp?c=cb",
        }
    }

    /// Returns the transport as the application is told.
    pub fn transport(self) -> Transport {
        match self {
            Self::Xhr => Transport::Xhr,
            Self::XhrStreaming => Transport::XhrStreaming,
            Self::EventSource => Transport::EventSource,
            Self::HtmlFile => Transport::HtmlFile,
            Self::Jsonp => Transport::Jsonp,
        }
    }

    /// Returns the content type of its responses.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Xhr | Self::XhrStreaming | Self::Jsonp => "application/javascript; charset=UTF-8",
            Self::EventSource => "text/event-stream",
            Self::HtmlFile => "text/html; charset=UTF-8",
        }
    }

    /// Returns whether a response carries more than one frame.
    pub fn streams(self) -> bool {
        matches!(
            self,
            Self::XhrStreaming | Self::EventSource | Self::HtmlFile
        )
    }

    /// Returns a frame with the bytes around it.
    pub fn frame(self, frame: &str) -> String {
        match self {
            Self::Xhr | Self::XhrStreaming => format!("{frame}\n"),
            Self::EventSource => format!("data: {}\r\n\r\n", frame.replace('%', "%25")),
            Self::HtmlFile => {
                let json = json(frame).replace('<', "\\u003c");
                format!("<script>\np({json});\n</script>\r\n")
            }
            Self::Jsonp => format!("/**/cb({});\r\n", json(frame)),
        }
    }

    /// Reads what comes before the first frame of a response.
    pub async fn expect_prelude(self, response: &mut Response<'_>) {
        match self {
            Self::Xhr | Self::Jsonp => {}
            Self::XhrStreaming => response.expect("h".repeat(2048) + "\n").await,
            Self::EventSource => response.expect("\r\n").await,
            Self::HtmlFile => {
                let page = response.until(b"\r\n\r\n").await;
                assert!(page.starts_with(b"<!doctype html>\n"), "{page:?}");
            }
        }
    }

    /// Reads one frame and takes off the bytes around it.
    pub async fn next_frame(self, response: &mut Response<'_>) -> String {
        let (start, end) = match self {
            Self::Xhr | Self::XhrStreaming => ("", "\n"),
            Self::EventSource => ("data: ", "\r\n\r\n"),
            Self::HtmlFile => ("<script>\np(", ");\n</script>\r\n"),
            Self::Jsonp => ("/**/cb(", ");\r\n"),
        };
        let bytes = response.until(end.as_bytes()).await;
        let text = std::str::from_utf8(&bytes).expect("a frame is UTF-8");
        let frame = text
            .strip_prefix(start)
            .and_then(|text| text.strip_suffix(end));
        let frame = frame.unwrap_or_else(|| panic!("no {self:?} frame: {text:?}"));
        match self {
            Self::Xhr | Self::XhrStreaming => frame.to_owned(),
            Self::EventSource => frame.replace("%25", "%"),
            Self::HtmlFile | Self::Jsonp => {
                serde_json::from_str(frame).expect("the argument is a JSON string")
            }
        }
    }
}

fn json(frame: &str) -> String {
    serde_json::Value::from(frame).to_string()
}
