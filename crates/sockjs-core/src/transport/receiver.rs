use std::borrow::Cow;

use super::{Callback, Transport, eventsource, htmlfile, jsonp, xhr, xhr_streaming};
use crate::Frame;

/// One response to a receive request: takes frames and gives the bytes of the body.
///
/// It owns no connection. Send [`prelude`](Self::prelude) first, then every frame as
/// [`encode`](Self::encode) returns it, until the response [`is_complete`](Self::is_complete); then
/// the client asks again and a new receiver takes the next frame.
///
/// ```
/// use sockjs_core::{Frame, Receiver};
///
/// let mut receiver = Receiver::eventsource(4096);
/// assert_eq!(receiver.prelude().as_deref(), Some("\r\n"));
/// assert_eq!(receiver.encode(&Frame::Open), b"data: o\r\n\r\n");
/// assert!(!receiver.is_complete());
/// ```
#[derive(Clone, Debug)]
pub struct Receiver {
    framing: Framing,
    /// How many more bytes make the response complete.
    wanted: usize,
}

#[derive(Clone, Debug)]
enum Framing {
    Xhr,
    XhrStreaming,
    EventSource,
    HtmlFile(Callback),
    Jsonp(Callback),
}

impl Receiver {
    /// Makes the response to a `xhr` request: one frame.
    pub fn xhr() -> Self {
        Self::polling(Framing::Xhr)
    }

    /// Makes the response to a `xhr_streaming` request: frames up to the limit.
    pub fn xhr_streaming(response_limit: usize) -> Self {
        Self::streaming(Framing::XhrStreaming, response_limit)
    }

    /// Makes the response to an `eventsource` request: frames up to the limit.
    pub fn eventsource(response_limit: usize) -> Self {
        Self::streaming(Framing::EventSource, response_limit)
    }

    /// Makes the response to an `htmlfile` request: frames up to the limit.
    pub fn htmlfile(callback: Callback, response_limit: usize) -> Self {
        Self::streaming(Framing::HtmlFile(callback), response_limit)
    }

    /// Makes the response to a `jsonp` request: one frame.
    pub fn jsonp(callback: Callback) -> Self {
        Self::polling(Framing::Jsonp(callback))
    }

    /// Returns the bytes of `frame` in this transport's framing, and counts them. They are UTF-8.
    pub fn encode(&mut self, frame: &Frame) -> Vec<u8> {
        let bytes = match &self.framing {
            Framing::Xhr => xhr::encode(frame),
            Framing::XhrStreaming => xhr_streaming::encode(frame),
            Framing::EventSource => eventsource::encode(frame),
            Framing::HtmlFile(_) => htmlfile::encode(frame),
            Framing::Jsonp(callback) => jsonp::encode(callback, frame),
        };
        self.wanted = match frame {
            Frame::Close(_) => 0,
            _ => self.wanted.saturating_sub(bytes.len()),
        };
        bytes
    }

    /// Returns the transport.
    pub fn transport(&self) -> Transport {
        match self.framing {
            Framing::Xhr => Transport::Xhr,
            Framing::XhrStreaming => Transport::XhrStreaming,
            Framing::EventSource => Transport::EventSource,
            Framing::HtmlFile(_) => Transport::HtmlFile,
            Framing::Jsonp(_) => Transport::Jsonp,
        }
    }

    /// Returns the bytes a streaming response starts with, as a chunk of their own; `None` for
    /// polling. They do not count towards the limit.
    pub fn prelude(&self) -> Option<Cow<'static, str>> {
        match &self.framing {
            Framing::Xhr | Framing::Jsonp(_) => None,
            Framing::XhrStreaming => Some(xhr_streaming::PRELUDE.into()),
            Framing::EventSource => Some(eventsource::PRELUDE.into()),
            Framing::HtmlFile(callback) => Some(htmlfile::prelude(callback).into()),
        }
    }

    /// Returns whether the response is to end here, so that the client asks again.
    ///
    /// A polling response is complete after one frame, a streaming response once its frames have
    /// as many bytes as the limit says. After a close frame every response is complete.
    pub fn is_complete(&self) -> bool {
        self.wanted == 0
    }

    fn polling(framing: Framing) -> Self {
        // One byte, because any frame has more.
        Self { framing, wanted: 1 }
    }

    fn streaming(framing: Framing, response_limit: usize) -> Self {
        // A response that was complete before its first frame would bring nothing for ever.
        Self {
            framing,
            wanted: response_limit.max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CloseReason, Message};

    const MAKE_STREAMING: [fn(usize) -> Receiver; 3] = [
        Receiver::xhr_streaming,
        Receiver::eventsource,
        |response_limit| Receiver::htmlfile(callback(), response_limit),
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

    /// Takes the frame out of its framing, as the client does.
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
                let mut receiver = make(limit);
                let mut sent = 0;
                for frame in &frames {
                    let bytes = String::from_utf8(receiver.encode(frame)).unwrap();
                    sent += bytes.len();
                    arrived.push(decode(receiver.transport(), &bytes));
                    assert_eq!(receiver.is_complete(), sent >= limit);
                    if receiver.is_complete() {
                        receiver = make(limit);
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
                let mut receiver = make(limit);
                assert!(!receiver.is_complete());
                receiver.encode(&Frame::Open);
                assert!(receiver.is_complete());
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
            for mut receiver in [Receiver::xhr(), Receiver::jsonp(callback())] {
                assert!(!receiver.is_complete());
                receiver.encode(&frame);
                assert!(receiver.is_complete());
            }
        }
    }

    #[test]
    fn a_close_frame_completes_every_response() {
        for make in MAKE_STREAMING {
            let mut receiver = make(usize::MAX);
            receiver.encode(&Frame::Open);
            assert!(!receiver.is_complete());
            receiver.encode(&Frame::Close(CloseReason::NORMAL));
            assert!(receiver.is_complete());
        }
    }

    #[test]
    fn each_transport_has_its_prelude_and_framing() {
        let cases = [
            (Receiver::xhr(), Transport::Xhr, None, "o\n"),
            (
                Receiver::xhr_streaming(9),
                Transport::XhrStreaming,
                Some("hhh"),
                "o\n",
            ),
            (
                Receiver::eventsource(9),
                Transport::EventSource,
                Some("\r\n"),
                "data: o\r\n\r\n",
            ),
            (
                Receiver::htmlfile(callback(), 9),
                Transport::HtmlFile,
                Some("<!doctype html>"),
                "<script>\np(\"o\");\n</script>\r\n",
            ),
            (
                Receiver::jsonp(callback()),
                Transport::Jsonp,
                None,
                "/**/cb(\"o\");\r\n",
            ),
        ];
        for (mut receiver, transport, prelude, open) in cases {
            assert_eq!(receiver.transport(), transport);
            match (receiver.prelude(), prelude) {
                (Some(bytes), Some(start)) => assert!(bytes.starts_with(start)),
                (bytes, _) => assert_eq!(bytes.as_deref(), prelude),
            }
            assert_eq!(receiver.encode(&Frame::Open), open.as_bytes());
        }
    }
}
