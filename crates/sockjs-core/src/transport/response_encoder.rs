use std::borrow::Cow;

use super::{Callback, Transport, eventsource, htmlfile, jsonp, xhr, xhr_streaming};
use crate::Frame;

/// One response to a receive request: takes frames and gives the bytes of the body.
///
/// It owns no connection. Send [`prelude`](Self::prelude) first, then every frame as
/// [`encode`](Self::encode) returns it, until the response [`is_complete`](Self::is_complete); then
/// the client asks again and a new encoder takes the next frame.
///
/// ```
/// use sockjs_core::{Frame, ResponseEncoder};
///
/// let mut encoder = ResponseEncoder::eventsource(4096);
/// assert_eq!(encoder.prelude().as_deref(), Some("\r\n"));
/// assert_eq!(encoder.encode(&Frame::Open), b"data: o\r\n\r\n");
/// assert!(!encoder.is_complete());
/// ```
#[derive(Clone, Debug)]
pub struct ResponseEncoder {
    format: Format,
    /// How many more bytes make the response complete.
    wanted: usize,
}

#[derive(Clone, Debug)]
enum Format {
    Xhr,
    XhrStreaming,
    EventSource,
    HtmlFile(Callback),
    Jsonp(Callback),
}

impl ResponseEncoder {
    /// Makes the response to a `xhr` request: one frame.
    pub fn xhr() -> Self {
        Self::polling(Format::Xhr)
    }

    /// Makes the response to a `xhr_streaming` request: frames up to the limit.
    pub fn xhr_streaming(response_limit: usize) -> Self {
        Self::streaming(Format::XhrStreaming, response_limit)
    }

    /// Makes the response to an `eventsource` request: frames up to the limit.
    pub fn eventsource(response_limit: usize) -> Self {
        Self::streaming(Format::EventSource, response_limit)
    }

    /// Makes the response to an `htmlfile` request: frames up to the limit.
    pub fn htmlfile(callback: Callback, response_limit: usize) -> Self {
        Self::streaming(Format::HtmlFile(callback), response_limit)
    }

    /// Makes the response to a `jsonp` request: one frame.
    pub fn jsonp(callback: Callback) -> Self {
        Self::polling(Format::Jsonp(callback))
    }

    /// Returns the bytes of `frame` in this transport's format, and counts them. They are UTF-8.
    pub fn encode(&mut self, frame: &Frame) -> Vec<u8> {
        let bytes = match &self.format {
            Format::Xhr => xhr::encode(frame),
            Format::XhrStreaming => xhr_streaming::encode(frame),
            Format::EventSource => eventsource::encode(frame),
            Format::HtmlFile(_) => htmlfile::encode(frame),
            Format::Jsonp(callback) => jsonp::encode(callback, frame),
        };
        self.wanted = match frame {
            Frame::Close(_) => 0,
            _ => self.wanted.saturating_sub(bytes.len()),
        };
        bytes
    }

    /// Returns the transport.
    pub fn transport(&self) -> Transport {
        match self.format {
            Format::Xhr => Transport::Xhr,
            Format::XhrStreaming => Transport::XhrStreaming,
            Format::EventSource => Transport::EventSource,
            Format::HtmlFile(_) => Transport::HtmlFile,
            Format::Jsonp(_) => Transport::Jsonp,
        }
    }

    /// Returns the bytes a streaming response starts with, as a chunk of their own; `None` for
    /// polling. They do not count towards the limit.
    pub fn prelude(&self) -> Option<Cow<'static, str>> {
        match &self.format {
            Format::Xhr | Format::Jsonp(_) => None,
            Format::XhrStreaming => Some(xhr_streaming::PRELUDE.into()),
            Format::EventSource => Some(eventsource::PRELUDE.into()),
            Format::HtmlFile(callback) => Some(htmlfile::prelude(callback).into()),
        }
    }

    /// Returns whether the response is to end here, so that the client asks again.
    ///
    /// A polling response is complete after one frame, a streaming response once its frames have
    /// as many bytes as the limit says. After a close frame every response is complete.
    pub fn is_complete(&self) -> bool {
        self.wanted == 0
    }

    fn polling(format: Format) -> Self {
        // One byte, because any frame has more.
        Self { format, wanted: 1 }
    }

    fn streaming(format: Format, response_limit: usize) -> Self {
        // A response that was complete before its first frame would bring nothing for ever.
        Self {
            format,
            wanted: response_limit.max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CloseReason, Message};

    const MAKE_STREAMING: [fn(usize) -> ResponseEncoder; 3] = [
        ResponseEncoder::xhr_streaming,
        ResponseEncoder::eventsource,
        |response_limit| ResponseEncoder::htmlfile(callback(), response_limit),
    ];

    fn callback() -> Callback {
        Callback::parse("cb").unwrap()
    }

    /// An open frame, messages of all lengths and kinds, and a heartbeat here and there.
    fn conversation() -> Vec<Frame> {
        let mut frames = vec![Frame::Open];
        for i in 0..40 {
            let text = format!(
                "{i} {}",
                ["x", "%41", "</a>", "\u{2028}", "\"é\r\n"][i % 5].repeat(i)
            );
            frames.push(Frame::Messages(vec![text.into()]));
            if i % 7 == 0 {
                frames.push(Frame::Heartbeat);
            }
        }
        frames
    }

    /// Takes the frame out of its format, as the client does.
    fn decode(transport: Transport, bytes: &str) -> String {
        let within = |start, end| {
            bytes
                .strip_prefix(start)
                .and_then(|s| s.strip_suffix(end))
                .unwrap()
        };
        match transport {
            Transport::EventSource => within("data: ", "\r\n\r\n").replace("%25", "%"),
            Transport::HtmlFile => {
                serde_json::from_str(within("<script>\np(", ");\n</script>\r\n")).unwrap()
            }
            _ => within("", "\n").to_owned(),
        }
    }

    #[test]
    fn at_every_limit_each_frame_arrives_whole_once_and_in_order() {
        let frames = conversation();
        let expected: Vec<String> = frames.iter().map(Frame::to_string).collect();
        for make in MAKE_STREAMING {
            for limit in 1..600 {
                let mut arrived = Vec::new();
                let mut encoder = make(limit);
                let mut sent = 0;
                for frame in &frames {
                    let bytes = String::from_utf8(encoder.encode(frame)).unwrap();
                    sent += bytes.len();
                    arrived.push(decode(encoder.transport(), &bytes));
                    assert_eq!(encoder.is_complete(), sent >= limit);
                    if encoder.is_complete() {
                        encoder = make(limit);
                        sent = 0;
                    }
                }
                assert_eq!(arrived, expected);
            }
        }
    }

    #[test]
    fn a_limit_of_one_or_none_takes_one_frame() {
        for make in MAKE_STREAMING {
            for limit in [0, 1] {
                let mut encoder = make(limit);
                assert!(!encoder.is_complete());
                encoder.encode(&Frame::Open);
                assert!(encoder.is_complete());
            }
        }
    }

    #[test]
    fn polling_takes_one_frame_of_any_kind() {
        let message = Message::from("x".repeat(1 << 20));
        for frame in [
            Frame::Open,
            Frame::Heartbeat,
            Frame::Messages(vec![message]),
        ] {
            for mut encoder in [ResponseEncoder::xhr(), ResponseEncoder::jsonp(callback())] {
                assert!(!encoder.is_complete());
                encoder.encode(&frame);
                assert!(encoder.is_complete());
            }
        }
    }

    #[test]
    fn a_close_frame_completes_every_response() {
        for make in MAKE_STREAMING {
            let mut encoder = make(usize::MAX);
            encoder.encode(&Frame::Open);
            assert!(!encoder.is_complete());
            encoder.encode(&Frame::Close(CloseReason::NORMAL));
            assert!(encoder.is_complete());
        }
    }

    #[test]
    fn each_transport_has_its_prelude_and_format() {
        let cases = [
            (ResponseEncoder::xhr(), Transport::Xhr, None, "o\n"),
            (
                ResponseEncoder::xhr_streaming(9),
                Transport::XhrStreaming,
                Some("hhh"),
                "o\n",
            ),
            (
                ResponseEncoder::eventsource(9),
                Transport::EventSource,
                Some("\r\n"),
                "data: o\r\n\r\n",
            ),
            (
                ResponseEncoder::htmlfile(callback(), 9),
                Transport::HtmlFile,
                Some("<!doctype html>"),
                "<script>\np(\"o\");\n</script>\r\n",
            ),
            (
                ResponseEncoder::jsonp(callback()),
                Transport::Jsonp,
                None,
                "/**/cb(\"o\");\r\n",
            ),
        ];
        for (mut encoder, transport, prelude, open) in cases {
            assert_eq!(encoder.transport(), transport);
            match (encoder.prelude(), prelude) {
                (Some(bytes), Some(start)) => assert!(bytes.starts_with(start)),
                (bytes, _) => assert_eq!(bytes.as_deref(), prelude),
            }
            assert_eq!(encoder.encode(&Frame::Open), open.as_bytes());
        }
    }
}
