//! `eventsource`: each frame is an event.

use memchr::{memchr, memchr_iter, memrchr};

use crate::Frame;

// The empty line shows the client that the stream has begun, before there is a frame.
pub(super) const PRELUDE: &str = "\r\n";

pub(super) fn encode(frame: &Frame) -> Vec<u8> {
    let mut out = Vec::with_capacity(FIELD.len() + frame.len_hint() + END.len());
    out.extend_from_slice(FIELD);
    frame.write_to(&mut out);
    // The client passes the data through `decodeURI`, so a percent sign must be escaped. The other
    // characters that sockjs-node escapes here, CR, LF and NUL, are already escaped in JSON.
    if memchr(b'%', &out).is_some() {
        escape_percent(&mut out);
    }
    out.extend_from_slice(END);
    out
}

/// Replaces each `%` by `%25`, from the end to the beginning, so that no second buffer is needed.
fn escape_percent(text: &mut Vec<u8>) {
    let mut left = memchr_iter(b'%', text).count();
    let mut end = text.len();
    // Exactly what is missing, and what `encode` appends.
    text.reserve_exact(2 * left + END.len());
    text.resize(end + 2 * left, 0);
    while let Some(at) = memrchr(b'%', &text[..end]) {
        let to = at + 2 * left;
        text.copy_within(at + 1..end, to + 1);
        text[to - 2..=to].copy_from_slice(b"%25");
        end = at;
        left -= 1;
    }
}

const FIELD: &[u8] = b"data: ";
const END: &[u8] = b"\r\n\r\n";

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;
    use crate::CloseReason;

    fn encode(frame: &Frame) -> String {
        String::from_utf8(super::encode(frame)).unwrap()
    }

    #[test]
    fn a_frame_is_an_event() {
        assert_eq!(encode(&Frame::Open), "data: o\r\n\r\n");
        assert_eq!(
            encode(&Frame::Messages(vec!["x".into()])),
            "data: a[\"x\"]\r\n\r\n"
        );
        let close = Frame::Close(CloseReason::new(3000, "100%"));
        assert_eq!(encode(&close), "data: c[3000,\"100%25\"]\r\n\r\n");
    }

    #[test]
    fn a_percent_sign_survives_the_client() {
        let frame = Frame::Messages(vec!["%41%".into(), "%80".into()]);
        assert_eq!(encode(&frame), "data: a[\"%2541%25\",\"%2580\"]\r\n\r\n");
    }

    #[test]
    fn percent_signs_need_one_buffer_of_known_size() {
        let message = "%".repeat(1 << 20);
        let event = super::encode(&Frame::Messages(vec![message.into()]));
        assert_eq!(
            event.len(),
            FIELD.len() + "a[\"\"]".len() + (3 << 20) + END.len()
        );
        assert!(event.capacity() <= event.len() + 16, "{}", event.capacity());
    }

    proptest! {
        #[test]
        fn an_event_is_one_line_that_decodes_to_the_frame(texts in vec_of_texts()) {
            let frame = Frame::Messages(texts.into_iter().map(Into::into).collect());
            let event = encode(&frame);
            let data = event.strip_prefix("data: ").unwrap().strip_suffix("\r\n\r\n").unwrap();
            prop_assert!(!data.contains(['\r', '\n', '\0']));
            let decoded = percent_decode_str(data).decode_utf8().unwrap();
            prop_assert_eq!(decoded, frame.to_string());
        }
    }

    fn vec_of_texts() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("(?s)([%0-9a-f\r\n\0]|.){0,40}", 0..5)
    }
}
