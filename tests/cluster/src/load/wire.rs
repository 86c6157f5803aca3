//! The transports, as bytes.

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// How a client receives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Transport {
    Xhr,
    XhrStreaming,
    EventSource,
    HtmlFile,
    Jsonp,
    WebSocket,
}

/// What a server says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Frame {
    Open,
    Heartbeat,
    Messages(Vec<String>),
    Close(u16, String),
}

impl Transport {
    pub(crate) const HTTP: [Self; 5] = [
        Self::Xhr,
        Self::XhrStreaming,
        Self::EventSource,
        Self::HtmlFile,
        Self::Jsonp,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Xhr => "xhr",
            Self::XhrStreaming => "xhr_streaming",
            Self::EventSource => "eventsource",
            Self::HtmlFile => "htmlfile",
            Self::Jsonp => "jsonp",
            Self::WebSocket => "websocket",
        }
    }

    /// Returns the method and the URL's end of a receive request.
    pub(crate) fn receive(self) -> (&'static str, String) {
        match self {
            Self::Xhr | Self::XhrStreaming => ("POST", self.name().to_owned()),
            Self::HtmlFile | Self::Jsonp => ("GET", format!("{}?c=call", self.name())),
            Self::EventSource | Self::WebSocket => ("GET", self.name().to_owned()),
        }
    }

    /// Returns the URL's end of a send request, and the status of its success.
    pub(crate) fn send(self) -> (&'static str, u16) {
        match self {
            Self::Jsonp => ("jsonp_send", 200),
            _ => ("xhr_send", 204),
        }
    }

    /// Returns what is before and after a frame.
    fn framing(self) -> (&'static str, &'static str) {
        match self {
            Self::Xhr | Self::XhrStreaming => ("", "\n"),
            Self::EventSource => ("data: ", "\r\n\r\n"),
            Self::HtmlFile => ("<script>\np(", ");\n</script>\r\n"),
            Self::Jsonp => ("/**/call(", ");\r\n"),
            Self::WebSocket => ("", ""),
        }
    }
}

/// Finds frames in the body of a response.
#[derive(Debug)]
pub(crate) struct Decoder {
    transport: Transport,
    /// The body begins with something that is no frame.
    in_prelude: bool,
    rest: String,
}

impl Decoder {
    pub(crate) fn new(transport: Transport) -> Self {
        Self {
            transport,
            in_prelude: !matches!(transport, Transport::Xhr | Transport::Jsonp),
            rest: String::new(),
        }
    }

    /// Returns the frames that are complete.
    pub(crate) fn decode(&mut self, bytes: &[u8]) -> Result<Vec<Frame>> {
        // The messages of the tests are ASCII.
        self.rest.push_str(std::str::from_utf8(bytes)?);
        if self.in_prelude {
            let end = match self.transport {
                Transport::EventSource => "\r\n",
                Transport::HtmlFile => "\r\n\r\n",
                _ => "\n",
            };
            let Some(at) = self.rest.find(end) else {
                return Ok(Vec::new());
            };
            self.rest.drain(..at + end.len());
            self.in_prelude = false;
        }
        let (before, after) = self.transport.framing();
        let mut frames = Vec::new();
        while let Some(at) = self.rest.find(after) {
            let text: String = self.rest.drain(..at + after.len()).collect();
            let text = text[..at].strip_prefix(before);
            let text = text.with_context(|| format!("no {}", self.transport.name()))?;
            frames.push(match self.transport {
                Transport::HtmlFile | Transport::Jsonp => {
                    Frame::parse(&serde_json::from_str::<String>(text)?)?
                }
                Transport::EventSource => Frame::parse(&text.replace("%25", "%"))?,
                _ => Frame::parse(text)?,
            });
        }
        Ok(frames)
    }
}

impl Frame {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let Some((kind, rest)) = text.split_at_checked(1) else {
            bail!("an empty frame");
        };
        Ok(match (kind, rest) {
            ("o", "") => Self::Open,
            ("h", "") => Self::Heartbeat,
            ("a", _) => Self::Messages(serde_json::from_str(rest)?),
            ("c", _) => {
                let value: Value = serde_json::from_str(rest)?;
                let code = value[0].as_u64().context("a code")?;
                let reason = value[1].as_str().context("a reason")?;
                Self::Close(code.try_into()?, reason.to_owned())
            }
            _ => bail!("a frame {text:?}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_wherever_a_body_is_cut() {
        let messages = Frame::Messages(vec!["a\"b".to_owned(), "100%".to_owned()]);
        let close = Frame::Close(1001, "Going away".to_owned());
        let cases = [
            (
                Transport::XhrStreaming,
                "hhhh\no\na[\"a\\\"b\",\"100%\"]\nh\nc[1001,\"Going away\"]\n",
            ),
            (
                Transport::EventSource,
                "\r\ndata: o\r\n\r\ndata: a[\"a\\\"b\",\"100%25\"]\r\n\r\ndata: h\r\n\r\ndata: c[1001,\"Going away\"]\r\n\r\n",
            ),
            (
                Transport::HtmlFile,
                "<html>\r\n\r\n<script>\np(\"o\");\n</script>\r\n<script>\np(\"a[\\\"a\\\\\\\"b\\\",\\\"100%\\\"]\");\n</script>\r\n<script>\np(\"h\");\n</script>\r\n<script>\np(\"c[1001,\\\"Going away\\\"]\");\n</script>\r\n",
            ),
            (
                Transport::Jsonp,
                "/**/call(\"o\");\r\n/**/call(\"a[\\\"a\\\\\\\"b\\\",\\\"100%\\\"]\");\r\n/**/call(\"h\");\r\n/**/call(\"c[1001,\\\"Going away\\\"]\");\r\n",
            ),
        ];
        let expected = [Frame::Open, messages, Frame::Heartbeat, close];
        for (transport, body) in cases {
            for cut in 0..body.len() {
                let mut decoder = Decoder::new(transport);
                let mut frames = decoder.decode(&body.as_bytes()[..cut]).unwrap();
                frames.extend(decoder.decode(&body.as_bytes()[cut..]).unwrap());
                assert_eq!(frames, expected, "{transport:?}, {cut}");
            }
        }
    }
}
