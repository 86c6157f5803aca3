use sockjs_core::{CloseReason, Payload, PayloadError};

use crate::TransportError;

/// A frame from the server.
#[derive(Debug)]
pub(crate) enum Frame {
    Open,
    Heartbeat,
    Messages(Payload),
    Close(CloseReason),
}

impl Frame {
    /// Decodes the text of a frame. No message in it may be longer than `limit`.
    pub(crate) fn decode(text: &str, limit: usize) -> Result<Self, TransportError> {
        if text.len() > limit {
            return Err(TransportError::TooLong);
        }
        let Some(first) = text.get(..1) else {
            return Err(TransportError::Protocol("unknown frame"));
        };
        match (first, &text[1..]) {
            ("o", "") => Ok(Self::Open),
            // A streaming response begins with 2048 of them.
            ("h", rest) if rest.bytes().all(|it| it == b'h') => Ok(Self::Heartbeat),
            ("a", array) => match Payload::parse(array, limit) {
                Ok(payload) => Ok(Self::Messages(payload)),
                Err(PayloadError::TooLong) => Err(TransportError::TooLong),
                Err(_) => Err(TransportError::Protocol("broken array of messages")),
            },
            ("c", array) => match serde_json::from_str::<(u16, String)>(array) {
                Ok((code, reason)) => Ok(Self::Close(CloseReason::new(code, reason))),
                Err(_) => Err(TransportError::Protocol("broken close frame")),
            },
            _ => Err(TransportError::Protocol("unknown frame")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(text: &str) -> Result<Frame, TransportError> {
        Frame::decode(text, usize::MAX)
    }

    #[test]
    fn frames_without_content() {
        assert!(matches!(decode("o"), Ok(Frame::Open)));
        assert!(matches!(decode("h"), Ok(Frame::Heartbeat)));
        assert!(matches!(decode(&"h".repeat(2048)), Ok(Frame::Heartbeat)));
    }

    #[test]
    fn other_servers_put_white_space_into_frames() {
        let Ok(Frame::Messages(messages)) = decode(r#"a["x", "y"]"#) else {
            panic!("no messages");
        };
        assert_eq!(messages.collect::<Vec<_>>(), ["x", "y"]);
        let Ok(Frame::Close(reason)) = decode(r#"c[3000, "Go away!"]"#) else {
            panic!("no close frame");
        };
        assert_eq!(reason, CloseReason::new(3000, "Go away!"));
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "O",
            "oo",
            "o ",
            "hx",
            "h ",
            "a",
            "a[",
            "a[1]",
            "a{}",
            "a\"x\"",
            "a[\"x\"]x",
            "c",
            "c[]",
            "c[3000]",
            "c[\"3000\",\"\"]",
            "c[70000,\"\"]",
            "c[3000,\"\",0]",
            "m\"x\"",
            "é",
        ] {
            let error = decode(text).unwrap_err();
            assert!(matches!(error, TransportError::Protocol(_)), "{text}");
        }
    }

    #[test]
    fn a_frame_has_a_limit() {
        assert!(Frame::decode("a[\"1234\"]", 9).is_ok());
        let error = Frame::decode("a[\"12345\"]", 9).unwrap_err();
        assert!(matches!(error, TransportError::TooLong));
    }

    proptest! {
        #[test]
        fn what_a_server_writes_is_read(texts in prop::collection::vec(any::<String>(), 0..8)) {
            let messages = texts.iter().map(|it| it.as_str().into()).collect();
            let text = sockjs_core::Frame::Messages(messages).to_string();
            let Ok(Frame::Messages(messages)) = decode(&text) else { panic!("no messages") };
            prop_assert_eq!(messages.collect::<Vec<_>>(), texts);
        }

        #[test]
        fn close_frames_too(code: u16, reason: String) {
            let reason = CloseReason::new(code, reason);
            let text = sockjs_core::Frame::Close(reason.clone()).to_string();
            let Ok(Frame::Close(read)) = decode(&text) else { panic!("no close frame") };
            prop_assert_eq!(read, reason);
        }

        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = decode(&text);
        }
    }
}
