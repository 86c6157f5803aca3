//! `jsonp`: each response is a script that passes one frame to a callback of the client.

use std::borrow::Cow;

use super::Callback;
use crate::Frame;
use crate::quote::{escape, escaped_len};

/// Returns the payload in the body of a `jsonp_send` request that is an HTML form.
///
/// The payload is the value of the first field `d`, or `None` if there is no such field. Bytes that
/// are not UTF-8 are replaced by U+FFFD.
///
/// ```
/// use sockjs_core::form_payload;
///
/// assert_eq!(form_payload(b"d=%5B%22a+b%22%5D").as_deref(), Some(r#"["a b"]"#));
/// assert_eq!(form_payload(b"x=1"), None);
/// ```
pub fn form_payload(body: &[u8]) -> Option<String> {
    form_urlencoded::parse(body)
        .find(|(name, _)| name == "d")
        .map(|(_, payload)| Cow::into_owned(payload))
}

pub(super) fn encode(callback: &Callback, frame: &Frame) -> Vec<u8> {
    let mut text = Vec::with_capacity(frame.len_hint());
    frame.write_to(&mut text);
    let mut out = Vec::with_capacity(callback.as_str().len() + escaped_len(&text) + 16);
    // Without the comment, a response would begin with the callback, which a client can choose so
    // that a Flash player takes the response for a film.
    out.extend_from_slice(b"/**/");
    out.extend_from_slice(callback.as_str().as_bytes());
    out.extend_from_slice(b"(\"");
    escape(&text, &mut out);
    out.extend_from_slice(b"\");\r\n");
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::CloseReason;

    fn encode(callback: &Callback, frame: &Frame) -> String {
        String::from_utf8(super::encode(callback, frame)).unwrap()
    }

    fn callback() -> Callback {
        Callback::parse("_jp.abc").unwrap()
    }

    #[test]
    fn a_frame_is_a_call() {
        assert_eq!(encode(&callback(), &Frame::Open), "/**/_jp.abc(\"o\");\r\n");
        let messages = Frame::Messages(vec!["x".into(), "\u{2028}\n".into()]);
        assert_eq!(
            encode(&callback(), &messages),
            "/**/_jp.abc(\"a[\\\"x\\\",\\\"\\\\u2028\\\\n\\\"]\");\r\n"
        );
        let close = Frame::Close(CloseReason::new(3000, "Go away!"));
        assert_eq!(
            encode(&callback(), &close),
            "/**/_jp.abc(\"c[3000,\\\"Go away!\\\"]\");\r\n"
        );
    }

    #[test]
    fn the_form_field_is_found() {
        let cases: [(&[u8], Option<&str>); 11] = [
            (b"", None),
            (b"x=1", None),
            (b"D=1", None),
            (b"d", Some("")),
            (b"d=", Some("")),
            (b"d=1", Some("1")),
            (b"d=1&d=2", Some("1")),
            (b"x=0&d=%5B%22a%22%5d", Some("[\"a\"]")),
            (b"d=[\"a+b%2B%26\"]&x", Some("[\"a b+&\"]")),
            (b"d=%C3%A9\xc3\xa9", Some("éé")),
            (b"d=%ff\xff%c3", Some("\u{fffd}\u{fffd}\u{fffd}")),
        ];
        for (body, payload) in cases {
            assert_eq!(
                form_payload(body).as_deref(),
                payload,
                "{}",
                body.escape_ascii()
            );
        }
    }

    #[test]
    fn escapes_need_one_buffer_of_known_size() {
        for c in ["\"", "<", "\u{2028}", "x"] {
            let frame = Frame::Messages(vec![c.repeat(1 << 16).into()]);
            let bytes = super::encode(&callback(), &frame);
            assert!(
                bytes.capacity() <= bytes.len() + 32,
                "{c} {}",
                bytes.capacity()
            );
        }
    }

    proptest! {
        #[test]
        fn the_call_gives_the_frame_back(texts in prop::collection::vec(any::<String>(), 0..8)) {
            let frame = Frame::Messages(texts.into_iter().map(Into::into).collect());
            let call = encode(&callback(), &frame);
            let json = call.strip_prefix("/**/_jp.abc(").unwrap().strip_suffix(");\r\n").unwrap();
            prop_assert_eq!(serde_json::from_str::<String>(json).unwrap(), frame.to_string());
        }

        #[test]
        fn a_form_gives_its_payload_back(payload: String) {
            let form = form_urlencoded::Serializer::new(String::new())
                .append_pair("x", &payload)
                .append_pair("d", &payload)
                .finish();
            prop_assert_eq!(form_payload(form.as_bytes()), Some(payload));
        }
    }
}
