/// Appends `text` to `out` as a JSON string, quotation marks included.
///
/// Besides what JSON demands this escapes the characters that browsers and proxies are known to
/// drop or change on the way: U+200C–U+200F, U+2028–U+202F, U+2060–U+206F and U+FFF0–U+FFFF. All
/// other text, characters beyond U+FFFF included, is copied as it is.
pub fn quote(text: &str, out: &mut String) {
    out.push('"');
    escape(text, out);
    out.push('"');
}

/// Appends what [`quote`] puts between the quotation marks.
pub(crate) fn escape(text: &str, out: &mut String) {
    let mut copied = 0;
    let mut at = 0;
    loop {
        at += plain_len(&text.as_bytes()[at..], may_start_special);
        let Some(c) = text[at..].chars().next() else {
            break;
        };
        if is_special(c) {
            out.push_str(&text[copied..at]);
            push_escaped(c, out);
            copied = at + c.len_utf8();
        }
        at += c.len_utf8();
    }
    out.push_str(&text[copied..]);
}

/// Returns how many bytes of `text` come before the first that `special` looks for.
///
/// `special` is given eight bytes at a time, the first of them lowest, and sets the high bit of
/// those it wants. It may set wrong ones above a right one, which is as far as this looks.
#[inline]
pub(crate) fn plain_len(text: &[u8], special: impl Fn(u64) -> u64) -> usize {
    let mut rest = text;
    while let Some((word, after)) = rest.split_first_chunk() {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return text.len() - rest.len() + first_byte(found);
        }
        rest = after;
    }
    // Blanks fill the last word, because they are plain.
    let mut word = [b' '; 8];
    word[..rest.len()].copy_from_slice(rest);
    let found = special(u64::from_le_bytes(word));
    text.len() - rest.len() + first_byte(found).min(rest.len())
}

/// Finds the bytes that cannot stand in a JSON string, for [`plain_len`].
#[inline]
pub(crate) fn json_special(word: u64) -> u64 {
    // Subtracting 0x20 gives a high bit to what is smaller; what had one before is not ASCII.
    let control = word.wrapping_sub(EACH_BYTE * 0x20) & !word;
    (control | equal(word, b'"') | equal(word, b'\\')) & HIGH_BITS
}

/// Finds the first bytes of the characters that [`is_special`], and of some that are not.
#[inline]
fn may_start_special(word: u64) -> u64 {
    // Those from U+200C to U+206F begin with 0xe2, those from U+FFF0 with 0xef.
    json_special(word) | ((equal(word, 0xe2) | equal(word, 0xef)) & HIGH_BITS)
}

#[inline]
fn equal(word: u64, byte: u8) -> u64 {
    // In the same way, subtracting one gives a high bit to nothing but zero.
    let zero_if_equal = word ^ (EACH_BYTE * u64::from(byte));
    zero_if_equal.wrapping_sub(EACH_BYTE) & !zero_if_equal
}

#[inline]
fn first_byte(found: u64) -> usize {
    found.trailing_zeros() as usize / 8
}

fn is_special(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{1f}'
            | '"'
            | '\\'
            | '\u{200c}'..='\u{200f}'
            | '\u{2028}'..='\u{202f}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fff0}'..='\u{ffff}'
    )
}

fn push_escaped(special: char, out: &mut String) {
    match special {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        _ => {
            out.push_str("\\u");
            for shift in [12, 8, 4, 0] {
                let digit = (u32::from(special) >> shift) & 0xf;
                out.push(char::from(HEX_DIGITS[digit as usize]));
            }
        }
    }
}

const EACH_BYTE: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = EACH_BYTE * 0x80;
const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quoted(text: &str) -> String {
        let mut out = String::new();
        quote(text, &mut out);
        out
    }

    /// The rule of the protocol, written down a second time and as simply as possible.
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
            for offset in 0..24 {
                let before = "é".repeat(offset % 5) + &"x".repeat(offset);
                let after = "y".repeat(24 - offset);
                assert_eq!(
                    quoted(&format!("{before}{special}{after}")),
                    format!("\"{before}{}{after}\"", expected(special)),
                );
            }
        }
    }

    #[test]
    fn plain_text_ends_at_the_first_special_byte() {
        let is_special = |byte| byte < 0x20 || byte == b'"' || byte == b'\\';
        for len in 0..20 {
            for at in 0..len {
                for byte in 0..=0xff {
                    // Bytes one off a special one are where a borrow could go wrong.
                    let mut text = [b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xff].repeat(3);
                    text.truncate(len);
                    text[at] = byte;
                    let expected = text.iter().position(|&b| is_special(b)).unwrap_or(len);
                    assert_eq!(plain_len(&text, json_special), expected, "{text:?}");
                }
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
        fn without_special_characters_it_is_plain_json(text in any::<String>()) {
            let text: String = text.chars().filter(|&c| !is_special(c) || c.is_ascii()).collect();
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
