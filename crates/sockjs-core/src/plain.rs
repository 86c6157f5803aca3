//! Copies runs of text that need no escape, eight or sixteen bytes at a time.

/// The set of bytes that end a run.
#[derive(Clone, Copy)]
pub(crate) enum Special {
    /// Bytes that a JSON string cannot contain unescaped.
    InJson,
    /// The same, and the first byte of each other character that [`quote`](crate::quote())
    /// escapes.
    ToQuote,
}

/// Appends the part of `text` before the first special byte, and returns the rest.
#[inline]
pub(crate) fn copy_plain<'a>(text: &'a [u8], special: Special, out: &mut Vec<u8>) -> &'a [u8] {
    let mut rest = text;
    // Copying a whole block and truncating it is cheaper than copying a number of bytes that the
    // compiler does not know.
    while let Some((block, after)) = rest.split_first_chunk::<16>() {
        out.extend_from_slice(block);
        let found = special.marks(block);
        if found != 0 {
            let len = found.trailing_zeros() as usize / 8;
            out.truncate(out.len() - (block.len() - len));
            return &rest[len..];
        }
        rest = after;
    }
    // The last bytes are copied with those before them, if there are enough: a block again is cheaper
    // than single bytes.
    if rest.is_empty() {
        return rest;
    }
    if let Some(block) = text.last_chunk::<16>() {
        out.truncate(out.len() - (block.len() - rest.len()));
        out.extend_from_slice(block);
        // It is the length of the block if there is no mark.
        let len = special.marks(block).trailing_zeros() as usize / 8;
        out.truncate(out.len() - (block.len() - len));
        return &block[len..];
    }
    if let Some((word, after)) = rest.split_first_chunk::<8>() {
        out.extend_from_slice(word);
        let found = special.find(u64::from_le_bytes(*word));
        if found != 0 {
            let len = found.trailing_zeros() as usize / 8;
            out.truncate(out.len() - (word.len() - len));
            return &rest[len..];
        }
        rest = after;
    }
    for (i, &byte) in rest.iter().enumerate() {
        if special.is(byte) {
            return &rest[i..];
        }
        out.push(byte);
    }
    &[]
}

/// Returns the length of the part of the text that a JSON string can contain as it is.
#[inline]
pub(crate) fn plain_len(text: &[u8]) -> usize {
    let mut rest = text;
    while let Some((block, after)) = rest.split_first_chunk::<16>() {
        if Special::InJson.marks(block) != 0 {
            break;
        }
        rest = after;
    }
    if let (Some(block), ..16) = (text.last_chunk::<16>(), rest.len()) {
        if rest.is_empty() || Special::InJson.marks(block) == 0 {
            return text.len();
        }
    }
    let plain = rest.iter().position(|&byte| Special::InJson.is(byte));
    text.len() - plain.map_or(0, |at| rest.len() - at)
}

impl Special {
    #[inline]
    fn is(self, byte: u8) -> bool {
        let in_json = (byte < 0x20) | (byte == b'"') | (byte == b'\\');
        match self {
            Self::InJson => in_json,
            // In UTF-8, U+200C to U+206F begin with 0xe2, and U+FFF0 to U+FFFF with 0xef.
            Self::ToQuote => in_json | (byte == 0xe2) | (byte == 0xef),
        }
    }

    /// Returns a little-endian number whose bytes are zero, except those of special bytes.
    #[inline(always)]
    fn marks(self, block: &[u8; 16]) -> u128 {
        let mut marks = [0; 16];
        for (mark, &byte) in marks.iter_mut().zip(block) {
            // The least of some numbers is zero if one of them is. The compiler finds the minimum for
            // all bytes at once, which it does not do for conditions.
            let in_json = byte.saturating_sub(0x1f).min(byte ^ b'"').min(byte ^ b'\\');
            let least = match self {
                Self::InJson => in_json,
                Self::ToQuote => in_json.min(byte ^ 0xe2).min(byte ^ 0xef),
            };
            *mark = u8::from(least == 0);
        }
        u128::from_le_bytes(marks)
    }

    /// Sets the high bit of each special byte in `word`, which is little-endian.
    ///
    /// Because subtraction borrows, bytes above a special one may be marked wrongly. Only the
    /// lowest mark is used, and it is always right.
    #[inline]
    fn find(self, word: u64) -> u64 {
        // Subtracting 0x20 sets the high bit of bytes below 0x20. `!word` excludes bytes that had
        // the high bit before, which are not ASCII.
        let control = word.wrapping_sub(EACH_BYTE * 0x20) & !word;
        let in_json = control | equal(word, b'"') | equal(word, b'\\');
        let found = match self {
            Self::InJson => in_json,
            Self::ToQuote => in_json | equal(word, 0xe2) | equal(word, 0xef),
        };
        found & HIGH_BITS
    }
}

#[inline]
fn equal(word: u64, byte: u8) -> u64 {
    // Subtracting one sets the high bit of a zero byte, as above.
    let zero_if_equal = word ^ (EACH_BYTE * u64::from(byte));
    zero_if_equal.wrapping_sub(EACH_BYTE) & !zero_if_equal
}

const EACH_BYTE: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = EACH_BYTE * 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_at_the_first_special_byte() {
        let in_json = |byte| byte < 0x20 || byte == b'"' || byte == b'\\';
        let to_quote = |byte| in_json(byte) || byte == 0xe2 || byte == 0xef;
        for len in 0..60 {
            // A wrong borrow would show at bytes that differ by one from a special byte.
            let plain = [b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xff].repeat(8);
            for at in 0..len {
                for byte in 0..=0xff {
                    let mut text = plain[..len].to_vec();
                    text[at] = byte;
                    for (special, end) in [
                        (Special::InJson, text.iter().position(|&b| in_json(b))),
                        (Special::ToQuote, text.iter().position(|&b| to_quote(b))),
                    ] {
                        if let Special::InJson = special {
                            assert_eq!(plain_len(&text), end.unwrap_or(len));
                        }
                        let end = end.unwrap_or(len);
                        let mut out = vec![b'x'];
                        assert_eq!(copy_plain(&text, special, &mut out), &text[end..]);
                        assert_eq!(out, [b"x", &text[..end]].concat());
                    }
                }
            }
        }
    }
}
