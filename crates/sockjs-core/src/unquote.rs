//! The way back from a quoted text, for text that is quoted just as [`quote`](crate::quote()) does it.

use crate::dense::{count_backslashes, remove_backslashes};
use crate::plain::{Special, copy_plain};

/// Returns the length of the text that [`quote`](crate::quote()) writes as `"quoted"`. Returns `None` if it
/// writes no text in this way, if an escape has more than two bytes, and if a byte is 0xe2 or 0xef, with which
/// the characters begin that may have to be escaped.
pub(crate) fn text_len(quoted: &[u8]) -> Option<usize> {
    let mut rest = quoted;
    let mut escapes = 0;
    while let Some(&first) = rest.first() {
        if let b'"' | ..0x20 | 0xe2 | 0xef = first {
            return None;
        }
        let (after, backslashes) = count_backslashes(rest);
        escapes += backslashes;
        rest = after;
        // Here begins a block that has other special bytes, or the last part of the text.
        let start = rest.len();
        while start - rest.len() < BLOCK {
            rest = match *rest {
                [] => break,
                [b'\\', escaped, ref after @ ..] if unescape(escaped).is_some() => {
                    escapes += 1;
                    after
                }
                [b'"' | b'\\' | ..0x20 | 0xe2 | 0xef, ..] => return None,
                [_, ref after @ ..] => after,
            };
        }
    }
    Some(quoted.len() - escapes)
}

/// Returns the text of `len` bytes that [`quote`](crate::quote()) writes as `"quoted"`, whose length
/// [`text_len`] has returned.
pub(crate) fn unquote(quoted: &[u8], len: usize) -> String {
    let mut text = Vec::with_capacity(len + BLOCK);
    let mut rest = quoted;
    loop {
        rest = copy_plain(rest, Special::InJson, &mut text);
        let [_backslash, escaped, after @ ..] = rest else {
            break;
        };
        let before = rest.len();
        if *escaped == b'"' {
            rest = remove_backslashes(rest, &mut text);
        }
        if rest.len() == before {
            text.extend(unescape(*escaped));
            rest = after;
        }
    }
    String::from_utf8(text).expect("text without its escapes is UTF-8")
}

/// Returns the byte that [`quote`](crate::quote()) writes as a backslash and `escaped`.
#[inline]
pub(crate) fn unescape(escaped: u8) -> Option<u8> {
    match escaped {
        b'"' | b'\\' => Some(escaped),
        b'b' => Some(0x08),
        b't' => Some(b'\t'),
        b'n' => Some(b'\n'),
        b'f' => Some(0x0c),
        b'r' => Some(b'\r'),
        _ => None,
    }
}

/// How many bytes are looked at one by one, before blocks are tried again. Blocks of as many bytes are copied
/// whole and cut, so that a text needs as much more room.
const BLOCK: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::quote;

    fn quoted(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        quote(text, &mut out);
        out[1..out.len() - 1].to_vec()
    }

    #[test]
    fn what_quote_does_not_write_has_no_length() {
        for other in [
            r"\/", r"\u0041", r"\u2028", r"\x", r"\", "\"", "\n", "\u{1f}", "\u{2028}", "\u{2192}",
            "\u{ff0c}", r"\\\", r#"\\""#,
        ] {
            for (before, after) in [(0, 0), (3, 0), (40, 0), (0, 40), (17, 17), (40, 40)] {
                for filling in ["x", r#"\""#, r"\\", r#"\"ab\"c"#] {
                    let text =
                        format!("{}{other}{}", filling.repeat(before), filling.repeat(after));
                    assert_eq!(text_len(text.as_bytes()), None, "{text}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn quoted_text_is_the_same_again(text in text_rich_in_escapes()) {
            let quoted = quoted(&text);
            prop_assert_eq!(text_len(&quoted), Some(text.len()));
            prop_assert_eq!(unquote(&quoted, text.len()), text);
        }

        #[test]
        fn what_has_a_length_is_what_quote_writes(json in json_rich_in_escapes()) {
            if let Some(len) = text_len(json.as_bytes()) {
                let text: String = serde_json::from_str(&format!("\"{json}\"")).unwrap();
                prop_assert_eq!(len, text.len());
                prop_assert_eq!(quoted(&text), json.as_bytes());
            }
        }
    }

    fn text_rich_in_escapes() -> impl Strategy<Value = String> {
        let c = prop_oneof![
            4 => prop::char::range(' ', '~'),
            3 => Just('"'),
            1 => prop::sample::select(vec!['\\', '\n', '\t', '\r', '\u{8}', '\u{c}']),
            1 => prop::char::range('\u{a0}', '\u{1fff}'),
        ];
        prop::collection::vec(c, 0..200).prop_map(String::from_iter)
    }

    fn json_rich_in_escapes() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            8 => prop::sample::select(vec!["a", "bcd", "some longer text", "é", "\u{10000}"]),
            8 => prop::sample::select(vec![r#"\""#, r"\\", r"\n"]),
            1 => prop::sample::select(vec!["\"", "\\", r"\/", r"\u0000", "\u{2028}", "\t", "\u{2192}"]),
        ];
        prop::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
    }
}
