use crate::dense::insert_backslashes;
use crate::plain::{Special, copy_plain};

/// Appends `text` to `out` as a JSON string with its quotation marks. The output is UTF-8.
///
/// The characters that JSON requires to be escaped are escaped. So are U+200C–U+200F,
/// U+2028–U+202F, U+2060–U+206F and U+FFF0–U+FFFF, which some browsers and proxies drop or change;
/// sockjs-node escapes the same ranges. All other characters are copied, including those above
/// U+FFFF.
pub fn quote(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escape(text.as_bytes(), out);
    out.push(b'"');
}

/// Returns the length of the text as [`quote`] writes it.
pub(crate) fn quoted_len(text: &str) -> usize {
    let text = text.as_bytes();
    let mut len = text.len() + 2;
    let mut has_candidates = false;
    // The sum for 32 bytes fits in a byte, so that the compiler can vectorize it.
    for block in text.chunks(32) {
        let (more, candidates) = block.iter().fold((0, false), |(more, candidates), &byte| {
            let marks = u8::from((byte == b'"') | (byte == b'\\'));
            let control = 5 * u8::from(byte < 0x20);
            let short = 4 * u8::from((8..=13).contains(&byte) & (byte != 11));
            let candidate = (byte == 0xe2) | (byte == 0xef);
            (more + (marks + control - short), candidates | candidate)
        });
        len += usize::from(more);
        has_candidates |= candidates;
    }
    if has_candidates {
        let special = text.windows(3).filter(|it| {
            matches!(it[0], 0xe2 | 0xef) && is_special(code_of([it[0], it[1], it[2]]))
        });
        len += 3 * special.count();
    }
    len
}

/// Estimates the length of the text as [`quote`] writes it.
#[inline]
pub(crate) fn quoted_len_hint(text: &str) -> usize {
    // A message that is itself JSON has a quotation mark to escape about every five bytes. Most other
    // text has none.
    let escapes = match text.as_bytes().first_chunk::<SAMPLE>() {
        Some(start) if text.len() >= WORTH_SAMPLING => escapes_by_sample(start, text.len()),
        _ => text.len() / 4,
    };
    text.len() + escapes + 2
}

/// Estimates how many bytes have to be escaped in a long text, by its start. A buffer that is much too
/// long would cost more: the allocator may have no memory of that size, and ask the operating system.
#[inline(never)]
fn escapes_by_sample(start: &[u8; SAMPLE], len: usize) -> usize {
    let is_escaped = |byte: &&u8| **byte < 0x20 || **byte == b'"' || **byte == b'\\';
    match start.iter().filter(is_escaped).count() {
        0 => len / 256,
        escapes => len / SAMPLE * escapes + len / 8,
    }
}

/// How many bytes a byte of text becomes at most, without the quotation marks.
pub(crate) const MAX_GROWTH: usize = "\\u0000".len();

/// Appends the escaped text without quotation marks. `text` must be UTF-8.
pub(crate) fn escape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    loop {
        rest = copy_plain(rest, Special::ToQuote, out);
        let Some((&first, after)) = rest.split_first() else {
            return;
        };
        rest = match (first, after.split_first_chunk()) {
            (b'"' | b'\\', _) => insert_backslashes(rest, out),
            (0xe2 | 0xef, Some((&[second, third], after))) => {
                let code = code_of([first, second, third]);
                if is_special(code) {
                    push_escaped(code, out);
                } else {
                    out.extend_from_slice(&[first, second, third]);
                }
                after
            }
            (..0x20, _) => {
                push_escaped(first.into(), out);
                after
            }
            _ => rest,
        };
    }
}

/// Returns how many bytes [`escape`] needs for text that is itself JSON, which holds no other special
/// characters than quotation marks and backslashes. For short text it is an estimate.
pub(crate) fn escaped_len(json: &[u8]) -> usize {
    if json.len() < WORTH_COUNTING {
        return json.len() + json.len() / 8 + 8;
    }
    let escapes = json.iter().filter(|&&b| b == b'"' || b == b'\\').count();
    json.len() + escapes
}

/// Returns the code of a character from its three bytes in UTF-8.
fn code_of([first, second, third]: [u8; 3]) -> u16 {
    let bits = |byte: u8| u16::from(byte & 0x3f);
    u16::from(first) << 12 | bits(second) << 6 | bits(third)
}

/// Returns whether a character that has three bytes in UTF-8 must be escaped.
fn is_special(code: u16) -> bool {
    matches!(
        code,
        0x200c..=0x200f | 0x2028..=0x202f | 0x2060..=0x206f | 0xfff0..=0xffff
    )
}

fn push_escaped(code: u16, out: &mut Vec<u8>) {
    match code {
        0x08 => out.extend_from_slice(b"\\b"),
        0x09 => out.extend_from_slice(b"\\t"),
        0x0a => out.extend_from_slice(b"\\n"),
        0x0c => out.extend_from_slice(b"\\f"),
        0x0d => out.extend_from_slice(b"\\r"),
        _ => {
            let digit = |shift: u32| HEX_DIGITS[usize::from(code >> shift & 0xf)];
            out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
        }
    }
}

/// A shorter buffer may rather grow, which costs little.
const WORTH_COUNTING: usize = 4096;

/// From which length on the start of a text is looked at, to estimate its length.
const WORTH_SAMPLING: usize = 16 * 1024;

/// How many bytes of a long text are looked at.
const SAMPLE: usize = 2048;

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quoted(text: &str) -> String {
        let mut out = Vec::new();
        quote(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// A second, simple implementation of the same rule.
    fn expected(c: char) -> String {
        match c as u32 {
            0x08 => r"\b".to_owned(),
            0x09 => r"\t".to_owned(),
            0x0a => r"\n".to_owned(),
            0x0c => r"\f".to_owned(),
            0x0d => r"\r".to_owned(),
            0x22 => r#"\""#.to_owned(),
            0x5c => r"\\".to_owned(),
            code @ (0x00..=0x1f
            | 0x200c..=0x200f
            | 0x2028..=0x202f
            | 0x2060..=0x206f
            | 0xfff0..=0xffff) => format!("\\u{code:04x}"),
            _ => c.to_string(),
        }
    }

    #[test]
    fn the_length_of_long_text_is_estimated_well() {
        for text in ["x", "\"x", "{\"key\":\"value\"}", "some words\n", "\u{e9}"] {
            let text = text.repeat(100_000);
            let (hint, len) = (quoted_len_hint(&text), quoted_len(&text));
            assert!((len..len + len / 7).contains(&hint), "{hint} {len}");
        }
        let plain = "x".repeat(1024 * 1024);
        assert!(quoted_len_hint(&plain) < plain.len() + 8 * 1024);
    }

    #[test]
    fn every_code_unit_follows_the_rule() {
        for c in (0..=0xffff).filter_map(char::from_u32) {
            assert_eq!(
                quoted(&c.to_string()),
                format!("\"{}\"", expected(c)),
                "U+{:04X}",
                c as u32
            );
        }
    }

    #[test]
    fn astral_characters_stay_as_they_are() {
        for c in [
            '\u{10000}',
            '\u{1f600}',
            '\u{2200c}',
            '\u{e0001}',
            '\u{ffff0}',
            '\u{10ffff}',
        ] {
            assert_eq!(quoted(&c.to_string()), format!("\"{c}\""));
        }
    }

    #[test]
    fn a_special_character_is_found_at_every_offset() {
        for special in [
            '"', '\n', '\u{0}', '\u{2028}', '\u{ffff}', '\u{2192}', '\u{ff0c}',
        ] {
            for offset in 0..40 {
                let before = "é".repeat(offset % 5) + &"x".repeat(offset);
                let after = "y".repeat(40 - offset);
                assert_eq!(
                    quoted(&format!("{before}{special}{after}")),
                    format!("\"{before}{}{after}\"", expected(special)),
                );
            }
        }
    }

    #[test]
    fn slash_and_delete_are_not_escaped() {
        assert_eq!(quoted("</script>\u{7f}"), "\"</script>\u{7f}\"");
    }

    proptest! {
        #[test]
        fn parsing_gives_the_text_back(text in any::<String>()) {
            prop_assert_eq!(serde_json::from_str::<String>(&quoted(&text)).unwrap(), text);
        }

        #[test]
        fn every_character_is_quoted_on_its_own(text in text_rich_in_specials()) {
            let each: String = text.chars().map(expected).collect();
            prop_assert_eq!(quoted(&text), format!("\"{each}\""));
        }

        #[test]
        fn the_length_is_known_before(text in text_rich_in_specials(), other in any::<String>()) {
            for text in [text, other] {
                let len = quoted(&text).len();
                prop_assert_eq!(quoted_len(&text), len);
                prop_assert!(len <= text.len() * MAX_GROWTH + 2);
            }
        }

        #[test]
        fn without_special_characters_it_is_plain_json(text in any::<String>()) {
            let is_special = |c: char| u16::try_from(u32::from(c)).is_ok_and(is_special);
            let text: String = text.chars().filter(|&c| !is_special(c)).collect();
            prop_assert_eq!(quoted(&text), serde_json::to_string(&text).unwrap());
        }
    }

    fn text_rich_in_specials() -> impl Strategy<Value = String> {
        let c = prop_oneof![
            8 => prop::char::range(' ', '~'),
            1 => prop::char::range('\0', '\u{1f}'),
            2 => prop::char::range('\u{1fff}', '\u{2100}'),
            1 => prop::char::range('\u{ff00}', '\u{ffff}'),
            1 => any::<char>(),
        ];
        prop::collection::vec(c, 0..200).prop_map(String::from_iter)
    }
}
