//! `htmlfile`: a page that keeps loading. Each frame is a script element.

use memchr::memchr_iter;

use super::Callback;
use crate::Frame;
use crate::quote::{escape, escaped_len};

pub(super) fn prelude(callback: &Callback) -> String {
    format!("{HEAD}{callback}{TAIL:PADDED_TAIL$}\r\n\r\n")
}

pub(super) fn encode(frame: &Frame) -> Vec<u8> {
    let mut text = Vec::with_capacity(frame.len_hint());
    frame.write_to(&mut text);
    let angles = memchr_iter(b'<', &text).count();
    let len = escaped_len(&text) + angles * (ESCAPED_ANGLE.len() - 1);
    let mut out = Vec::with_capacity(OPEN.len() + len + CLOSE.len());
    out.extend_from_slice(OPEN);
    // An HTML parser ends a script at `</script>` even inside of a string, so `<` is escaped.
    for (i, part) in text.split(|&byte| byte == b'<').enumerate() {
        if i > 0 {
            out.extend_from_slice(ESCAPED_ANGLE);
        }
        escape(part, &mut out);
    }
    out.extend_from_slice(CLOSE);
    out
}

const ESCAPED_ANGLE: &[u8] = b"\\u003c";

const OPEN: &[u8] = b"<script>\np(\"";
const CLOSE: &[u8] = b"\");\n</script>\r\n";

const HEAD: &str = r#"<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent."#;

const TAIL: &str = ";
    c.start();
    function p(d) {c.message(d);};
    window.onload = function() {c.stop();};
  </script>";

// Browsers render nothing of a page until 1 KiB has arrived. As in sockjs-node, the padding does
// not depend on the callback. The callback has at least one byte, which completes the 1024.
const PADDED_TAIL: usize = 1023 - HEAD.len();

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::CloseReason;

    fn encode(frame: &Frame) -> String {
        String::from_utf8(super::encode(frame)).unwrap()
    }

    fn script_string(script: &str) -> String {
        let json = script
            .strip_prefix("<script>\np(")
            .and_then(|rest| rest.strip_suffix(");\n</script>\r\n"))
            .unwrap();
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_prelude_is_the_page_padded() {
        let page = r#"<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent._jp.abc;
    c.start();
    function p(d) {c.message(d);};
    window.onload = function() {c.stop();};
  </script>"#;
        let prelude = prelude(&Callback::parse("_jp.abc").unwrap());
        let padding = prelude
            .strip_prefix(page)
            .unwrap()
            .strip_suffix("\r\n\r\n")
            .unwrap();
        assert_eq!(padding.trim_matches(' '), "");
        assert_eq!(prelude.len(), 1023 + "_jp.abc".len() + 4);
    }

    #[test]
    fn the_shortest_prelude_is_long_enough() {
        let prelude = prelude(&Callback::parse("x").unwrap());
        assert_eq!(prelude.len(), 1024 + 4);
    }

    #[test]
    fn a_frame_is_a_script() {
        assert_eq!(encode(&Frame::Open), "<script>\np(\"o\");\n</script>\r\n");
        let messages = Frame::Messages(vec!["x".into()]);
        assert_eq!(
            encode(&messages),
            "<script>\np(\"a[\\\"x\\\"]\");\n</script>\r\n"
        );
        let close = Frame::Close(CloseReason::new(3000, "Go away!"));
        assert_eq!(
            encode(&close),
            "<script>\np(\"c[3000,\\\"Go away!\\\"]\");\n</script>\r\n"
        );
    }

    #[test]
    fn a_message_cannot_end_the_script() {
        let messages = Frame::Messages(vec!["</script><!--<".into()]);
        assert_eq!(
            encode(&messages),
            "<script>\np(\"a[\\\"\\u003c/script>\\u003c!--\\u003c\\\"]\");\n</script>\r\n"
        );
    }

    #[test]
    fn escapes_need_one_buffer_of_known_size() {
        for c in ["\"", "<", "\u{2028}", "x"] {
            let frame = Frame::Messages(vec![c.repeat(1 << 16).into()]);
            let bytes = super::encode(&frame);
            assert!(
                bytes.capacity() <= bytes.len() + 32,
                "{c} {}",
                bytes.capacity()
            );
        }
    }

    proptest! {
        #[test]
        fn the_script_gives_the_frame_back(texts in prop::collection::vec(any::<String>(), 0..8)) {
            let frame = Frame::Messages(texts.into_iter().map(Into::into).collect());
            let script = encode(&frame);
            prop_assert_eq!(script.matches('<').count(), 2);
            prop_assert_eq!(script_string(&script), frame.to_string());
        }
    }
}
