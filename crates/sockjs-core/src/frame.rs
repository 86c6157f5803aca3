use std::fmt;

use crate::quote::quote;
use crate::{CloseReason, Message};

/// A frame from the server to the client, before a transport encodes it.
///
/// ```
/// use sockjs_core::{CloseReason, Frame};
///
/// let messages = Frame::Messages(vec!["hello".into(), "world".into()]);
///
/// assert_eq!(Frame::Open.to_string(), "o");
/// assert_eq!(messages.to_string(), r#"a["hello","world"]"#);
/// assert_eq!(Frame::Close(CloseReason::NORMAL).to_string(), r#"c[1000,"Normal closure"]"#);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "SockJS has these four frames, and a driver has to send each of them"
)]
pub enum Frame {
    /// `o`: the session is open. It is the first frame of every session.
    Open,
    /// `h`: a heartbeat. It keeps proxies from closing an idle connection.
    Heartbeat,
    /// `a[...]`: one or more messages.
    Messages(Vec<Message>),
    /// `c[code,"reason"]`: the session has ended. No frame follows it.
    Close(CloseReason),
}

impl Frame {
    /// Appends the text of the frame to `out`, in UTF-8.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Open => out.push(b'o'),
            Self::Heartbeat => out.push(b'h'),
            Self::Messages(messages) => {
                out.reserve(self.len_hint());
                out.extend_from_slice(b"a[");
                for (i, message) in messages.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    message.write_quoted(out);
                }
                out.push(b']');
            }
            Self::Close(reason) => {
                out.extend_from_slice(b"c[");
                out.extend_from_slice(reason.code().to_string().as_bytes());
                out.push(b',');
                quote(reason.reason(), out);
                out.push(b']');
            }
        }
    }

    /// Returns the length of the text of a frame with so many messages, whose quoted texts have
    /// `quoted` bytes together.
    pub(crate) fn messages_len(count: usize, quoted: usize) -> usize {
        "a[]".len() + quoted + count.saturating_sub(1)
    }

    /// Estimates how many bytes [`write_to`](Self::write_to) appends.
    #[inline]
    pub(crate) fn len_hint(&self) -> usize {
        match self {
            Self::Open | Self::Heartbeat => 1,
            Self::Messages(messages) => {
                3 + messages
                    .iter()
                    .map(|message| message.quoted_len_hint() + 1)
                    .sum::<usize>()
            }
            Self::Close(reason) => "c[65535,\"\"]".len() + reason.reason().len(),
        }
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(self.len_hint());
        self.write_to(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn frames_are_written_as_the_protocol_has_them() {
        let messages = |texts: &[&str]| Frame::Messages(texts.iter().map(|&t| t.into()).collect());
        let cases = [
            (Frame::Open, "o"),
            (Frame::Heartbeat, "h"),
            (messages(&[]), "a[]"),
            (messages(&[""]), r#"a[""]"#),
            (
                messages(&["a", "b\n\"", "\u{2028}é"]),
                r#"a["a","b\n\"","\u2028é"]"#,
            ),
            (
                Frame::Close(CloseReason::new(3000, "Go away!")),
                r#"c[3000,"Go away!"]"#,
            ),
            (
                Frame::Close(CloseReason::new(65535, "\"</x>\"\0")),
                r#"c[65535,"\"</x>\"\u0000"]"#,
            ),
        ];
        for (frame, text) in cases {
            assert_eq!(frame.to_string(), text);
        }
    }

    #[test]
    fn writing_appends() {
        let mut out = b"data: ".to_vec();
        Frame::Heartbeat.write_to(&mut out);
        Frame::Messages(vec!["x".into()]).write_to(&mut out);
        assert_eq!(out, br#"data: ha["x"]"#);
    }

    proptest! {
        #[test]
        fn messages_are_a_json_array(texts in prop::collection::vec(any::<String>(), 0..8)) {
            let frame = Frame::Messages(texts.iter().map(|text| text.as_str().into()).collect());
            let text = frame.to_string();
            let array = text.strip_prefix('a').unwrap();
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(array).unwrap(), texts);
        }

        #[test]
        fn a_close_is_a_json_array(code: u16, reason: String) {
            let text = Frame::Close(CloseReason::new(code, reason.clone())).to_string();
            let array = text.strip_prefix('c').unwrap();
            prop_assert_eq!(serde_json::from_str::<(u16, String)>(array).unwrap(), (code, reason));
        }
    }
}
