use std::borrow::Cow;

use super::{Callback, Transport, eventsource, htmlfile, jsonp, xhr, xhr_streaming};
use crate::Frame;

/// Encodes frames as the body of one HTTP response.
///
/// 1. Write the [`prelude`](Self::prelude), if the transport has one.
/// 2. [`encode`](Self::encode) each frame and write the bytes.
/// 3. Once the response [`is_complete`](Self::is_complete), end it. The client then sends another
///    receive request, whose response needs a new encoder.
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
    /// How many more bytes are needed to complete the response.
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
    /// Creates an encoder for the response to an `xhr` request, which has one frame.
    pub fn xhr() -> Self {
        Self::polling(Format::Xhr)
    }

    /// Creates an encoder for the response to an `xhr_streaming` request.
    ///
    /// The response is complete once its frames have at least `response_limit` bytes.
    pub fn xhr_streaming(response_limit: usize) -> Self {
        Self::streaming(Format::XhrStreaming, response_limit)
    }

    /// Creates an encoder for the response to an `eventsource` request.
    ///
    /// The response is complete once its frames have at least `response_limit` bytes.
    pub fn eventsource(response_limit: usize) -> Self {
        Self::streaming(Format::EventSource, response_limit)
    }

    /// Creates an encoder for the response to an `htmlfile` request.
    ///
    /// The response is complete once its frames have at least `response_limit` bytes.
    pub fn htmlfile(callback: Callback, response_limit: usize) -> Self {
        Self::streaming(Format::HtmlFile(callback), response_limit)
    }

    /// Creates an encoder for the response to a `jsonp` request, which has one frame.
    pub fn jsonp(callback: Callback) -> Self {
        Self::polling(Format::Jsonp(callback))
    }

    /// Encodes a frame in the format of the transport, and counts its bytes towards the limit.
    ///
    /// The bytes are UTF-8.
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

    /// Returns the transport that this encoder is for.
    pub fn transport(&self) -> Transport {
        match self.format {
            Format::Xhr => Transport::Xhr,
            Format::XhrStreaming => Transport::XhrStreaming,
            Format::EventSource => Transport::EventSource,
            Format::HtmlFile(_) => Transport::HtmlFile,
            Format::Jsonp(_) => Transport::Jsonp,
        }
    }

    /// Returns the text that a streaming response begins with; `None` for a polling response.
    ///
    /// Write it before the first frame, even if no frame is ready. It does not count towards the
    /// limit.
    pub fn prelude(&self) -> Option<Cow<'static, str>> {
        match &self.format {
            Format::Xhr | Format::Jsonp(_) => None,
            Format::XhrStreaming => Some(xhr_streaming::PRELUDE.into()),
            Format::EventSource => Some(eventsource::PRELUDE.into()),
            Format::HtmlFile(callback) => Some(htmlfile::prelude(callback).into()),
        }
    }

    /// Returns the bytes that every frame of the response ends with. They occur nowhere else in a frame,
    /// so that bytes can be passed on frame by frame without being parsed.
    ///
    /// ```
    /// use sockjs_core::{Frame, ResponseEncoder};
    ///
    /// let mut encoder = ResponseEncoder::eventsource(4096);
    /// assert!(encoder.encode(&Frame::Open).ends_with(encoder.frame_end()));
    /// ```
    pub fn frame_end(&self) -> &'static [u8] {
        match &self.format {
            Format::Xhr | Format::XhrStreaming => b"\n",
            Format::EventSource => b"\r\n\r\n",
            Format::HtmlFile(_) | Format::Jsonp(_) => b"\r\n",
        }
    }

    /// Returns whether the response must end, so that the client sends another receive request.
    ///
    /// A polling response is complete after one frame. A streaming response is complete once its
    /// frames have reached the limit, but never before its first frame. A close frame completes any
    /// response.
    pub fn is_complete(&self) -> bool {
        self.wanted == 0
    }

    fn polling(format: Format) -> Self {
        // Every frame has at least one byte, so the first one completes the response.
        Self { format, wanted: 1 }
    }

    fn streaming(format: Format, response_limit: usize) -> Self {
        // With a limit of zero, every response would be complete before its first frame, and the
        // client would never get one.
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

    /// Returns how many bytes a message is on the wire for each byte of its text, for the characters
    /// for which that is most.
    fn growth(make: impl Fn() -> ResponseEncoder) -> (usize, Vec<char>) {
        let encoded = |text: String| make().encode(&Frame::Messages(vec![text.into()])).len();
        // An escape has the same length for all characters, so that longer ones grow less.
        let characters = '\0'..='\u{2fff}';
        let mut most = (0, Vec::new());
        for c in characters {
            let growth = (encoded(c.to_string()) - encoded(String::new())).div_ceil(c.len_utf8());
            if growth > most.0 {
                most = (growth, Vec::new());
            }
            if growth == most.0 {
                most.1.push(c);
            }
        }
        most
    }

    #[test]
    fn messages_grow_by_these_factors_at_most() {
        let controls = |c: &char| c.is_ascii_control() || *c == '<';
        let table: [(fn() -> ResponseEncoder, usize); 5] = [
            (ResponseEncoder::xhr, 6),
            (|| ResponseEncoder::xhr_streaming(9), 6),
            (|| ResponseEncoder::eventsource(9), 6),
            (|| ResponseEncoder::htmlfile(callback(), 9), 7),
            (|| ResponseEncoder::jsonp(callback()), 7),
        ];
        for (make, expected) in table {
            let (most, characters) = growth(make);
            assert_eq!(most, expected);
            assert!(characters.iter().all(controls), "{characters:?}");
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
