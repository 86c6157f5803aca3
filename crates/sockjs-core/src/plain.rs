//! Runs of text in which nothing is escaped, eight or sixteen bytes at a time.

/// Which bytes end a run.
#[derive(Clone, Copy)]
pub(crate) enum Special {
    /// Those that cannot stand in a JSON string.
    InJson,
    /// Those, and the first bytes of what [`quote`](crate::quote()) escapes beyond that.
    ToQuote,
}

/// Appends what comes before the first special byte of `text`, and returns the rest.
#[inline]
pub(crate) fn copy_plain<'a>(text: &'a [u8], special: Special, out: &mut Vec<u8>) -> &'a [u8] {
    let mut rest = text;
    // To take back what was too much is cheaper than to copy so many bytes and no more.
    while let Some((block, after)) = rest.split_first_chunk::<16>() {
        out.extend_from_slice(block);
        if special.any_in(block) {
            let len = special.position(block);
            out.truncate(out.len() - (block.len() - len));
            return &rest[len..];
        }
        rest = after;
    }
    if let Some((word, after)) = rest.split_first_chunk::<8>() {
        out.extend_from_slice(word);
        let len = special.position(word);
        if len < word.len() {
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

impl Special {
    #[inline]
    fn is(self, byte: u8) -> bool {
        // Without a branch, so that compilers look at all bytes of a block at once.
        let in_json = (byte < 0x20) | (byte == b'"') | (byte == b'\\');
        match self {
            Self::InJson => in_json,
            // Those from U+200C to U+206F begin with 0xe2, those from U+FFF0 with 0xef.
            Self::ToQuote => in_json | (byte == 0xe2) | (byte == 0xef),
        }
    }

    #[inline]
    fn any_in(self, block: &[u8; 16]) -> bool {
        block
            .iter()
            .fold(false, |found, &byte| found | self.is(byte))
    }

    /// Returns where the first special byte is in a number of words, or how many bytes there are.
    #[inline]
    fn position(self, words: &[u8]) -> usize {
        let mut before = 0;
        while let Some(word) = words[before..].first_chunk() {
            let found = self.find(u64::from_le_bytes(*word));
            if found != 0 {
                return before + found.trailing_zeros() as usize / 8;
            }
            before += word.len();
        }
        before
    }

    /// Sets the high bit of each special byte in `word`, the first of them lowest. It may set wrong
    /// ones above a right one, which is as far as one looks.
    #[inline]
    fn find(self, word: u64) -> u64 {
        // Subtracting 0x20 gives a high bit to what is smaller; what had one before is not ASCII.
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
    // In the same way, subtracting one gives a high bit to nothing but zero.
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
            // Bytes one off a special one are where a borrow could go wrong.
            let plain = [b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xff].repeat(8);
            for at in 0..len {
                for byte in 0..=0xff {
                    let mut text = plain[..len].to_vec();
                    text[at] = byte;
                    for (special, end) in [
                        (Special::InJson, text.iter().position(|&b| in_json(b))),
                        (Special::ToQuote, text.iter().position(|&b| to_quote(b))),
                    ] {
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
