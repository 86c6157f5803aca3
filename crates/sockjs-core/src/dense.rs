//! Copies text with many quotation marks, such as JSON as a string of JSON, and inserts or removes
//! backslashes.
//!
//! Searching for each mark pays if marks are far apart, and [`plain`](crate::plain) does that. If they
//! are near, the start of each search costs more than the search, and a processor cannot predict
//! where the next mark is. So these functions copy byte by byte, with no branch that depends on
//! whether a byte is a mark. Callers begin with them at a mark. They return where marks are rare.

/// Inserts a backslash before each quotation mark and backslash, and returns the rest.
///
/// It stops before any other special byte, and after a block with less than two marks. `text` must
/// not begin with another special byte.
pub(crate) fn insert_backslashes<'a>(text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let mut rest = text;
    while let Some((block, after)) = rest.split_first_chunk::<BLOCK>() {
        let start = out.len();
        if out.capacity() - start < 2 * BLOCK {
            break;
        }
        // In place, because a processor is slow to copy bytes that it wrote one by one just before.
        out.extend_from_slice(&[b'\\'; 2 * BLOCK]);
        let escaped = out.last_chunk_mut().expect("it was appended");
        let (copied, len) = put_between_backslashes(block, escaped);
        out.truncate(start + len);
        if copied < BLOCK {
            return &rest[copied..];
        }
        rest = after;
        if len < BLOCK + 2 {
            return rest;
        }
    }
    // The last bytes, or those that `out` has to grow for. It grows by no more than they need.
    let block = &rest[..rest.len().min(BLOCK)];
    let mut escaped = [b'\\'; 2 * BLOCK];
    let (copied, len) = put_between_backslashes(block, &mut escaped);
    out.extend_from_slice(&escaped[..len]);
    &rest[copied..]
}

/// Puts the bytes of a block between backslashes, such that there is one before each quotation mark
/// and backslash. Stops before any other special byte. Returns how many bytes it has put, and how
/// long they are with the backslashes.
#[inline]
fn put_between_backslashes(block: &[u8], escaped: &mut [u8; 2 * BLOCK]) -> (usize, usize) {
    let mut len = 0;
    for (i, &byte) in block.iter().enumerate() {
        let growth = GROWTH[usize::from(byte)];
        if growth == OTHER {
            return (i, len);
        }
        len += usize::from(growth);
        // The remainder lets the compiler drop the bounds check.
        escaped[len % (2 * BLOCK)] = byte;
        len += 1;
    }
    (block.len(), len)
}

/// Removes the backslash before each quotation mark, and returns the rest.
///
/// It stops after a block without backslashes, and before a block that is not simple: one with a
/// quotation mark without backslash, another escape, or a control character. So it may do nothing.
/// `text` must not begin with a quotation mark.
#[inline]
pub(crate) fn remove_backslashes<'a>(text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let mut rest = text;
    while let Some((block, next)) = block_and_next(rest) {
        if !is_simple(block, next) {
            return rest;
        }
        let start = out.len();
        out.extend_from_slice(&[0; BLOCK]);
        let decoded: &mut [u8; BLOCK] = out.last_chunk_mut().expect("it was appended");
        let mut len = 0;
        for &byte in block {
            // The byte after a backslash takes its place.
            decoded[len % BLOCK] = byte;
            len += usize::from(byte != b'\\');
        }
        out.truncate(start + len);
        // The next block begins with a backslash if this one ends with it.
        rest = &rest[BLOCK - usize::from(block[BLOCK - 1] == b'\\')..];
        if len == BLOCK {
            return rest;
        }
    }
    rest
}

/// Counts the backslashes before quotation marks, and returns the rest as well.
///
/// It stops before a block that is not simple, or has the first byte of a character that
/// [`quote`](crate::quote()) may escape. `text` must not begin with a special byte other than a backslash.
pub(crate) fn count_backslashes(text: &[u8]) -> (&[u8], usize) {
    let mut rest = text;
    while let Some((block, next)) = block_and_next(rest) {
        if !(is_simple(block, next) && is_plain(next)) {
            break;
        }
        // The next block begins with a backslash if this one ends with it.
        rest = &rest[BLOCK - usize::from(block[BLOCK - 1] == b'\\')..];
    }
    let counted = &text[..text.len() - rest.len()];
    // The sum for 32 bytes fits in a byte, so that the compiler can vectorize it.
    let counts = counted.chunks(32).map(|bytes| {
        let marks = bytes.iter().map(|&byte| u8::from(byte == b'\\'));
        usize::from(marks.sum::<u8>())
    });
    (rest, counts.sum())
}

/// Returns whether no byte begins a character that may need an escape.
#[inline]
fn is_plain(block: &[u8; BLOCK]) -> bool {
    let others = block.iter().map(|&byte| (byte ^ 0xe2).min(byte ^ 0xef));
    others.fold(u8::MAX, u8::min) != 0
}

/// Returns the first block, and as many bytes from the second byte on.
#[inline]
fn block_and_next(text: &[u8]) -> Option<(&[u8; BLOCK], &[u8; BLOCK])> {
    Some((text.first_chunk()?, text[1..].first_chunk()?))
}

/// Returns whether a quotation mark follows each backslash, and nothing else has a special meaning.
#[inline]
fn is_simple(block: &[u8; BLOCK], next: &[u8; BLOCK]) -> bool {
    // Without branches, the compiler can vectorize it.
    let mut simple = true;
    for (&byte, &next) in block.iter().zip(next) {
        simple &= ((byte == b'\\') == (next == b'"')) & (next >= 0x20);
    }
    simple
}

/// How many bytes are copied at once.
const BLOCK: usize = 16;

/// By how many bytes each byte grows when a backslash is inserted before it, or [`OTHER`].
static GROWTH: [u8; 256] = {
    let mut growth = [0; 256];
    let mut control = 0;
    while control < 0x20 {
        growth[control] = OTHER;
        control += 1;
    }
    growth[b'"' as usize] = 1;
    growth[b'\\' as usize] = 1;
    growth[0xe2] = OTHER;
    growth[0xef] = OTHER;
    growth
};

/// A byte that needs another escape, or begins a character that may need one.
const OTHER: u8 = u8::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte at every position of texts of some blocks, dense and sparse.
    fn texts() -> impl Iterator<Item = Vec<u8>> {
        let tails = [r#"\"a\"bc\"\"x"#, r#"\"0123456789"#, r#"\"\\"#, r#"\""#];
        tails.into_iter().flat_map(|tail| {
            (2..3 * BLOCK).flat_map(move |len| {
                let text: Vec<u8> = tail.bytes().cycle().take(len).collect();
                (2..len).flat_map(move |at| {
                    let text = text.clone();
                    (0..=u8::MAX).map(move |byte| {
                        let mut text = text.clone();
                        text[at] = byte;
                        text
                    })
                })
            })
        })
    }

    #[test]
    fn backslashes_are_inserted_before_marks_up_to_any_other_special_byte() {
        for text in texts() {
            for capacity in [0, 2 * BLOCK, 8 * BLOCK] {
                let mut out = Vec::with_capacity(capacity);
                let rest = insert_backslashes(&text, &mut out);
                let copied = &text[..text.len() - rest.len()];
                let mut expected = Vec::new();
                for &byte in copied {
                    assert!(byte >= 0x20 && byte != 0xe2 && byte != 0xef);
                    if matches!(byte, b'"' | b'\\') {
                        expected.push(b'\\');
                    }
                    expected.push(byte);
                }
                assert!(!copied.is_empty());
                assert_eq!(out, expected);
            }
        }
    }

    #[test]
    fn backslashes_are_removed_before_marks_and_nothing_else_is_touched() {
        for text in texts() {
            let mut out = b"x".to_vec();
            let rest = remove_backslashes(&text, &mut out);
            let mut copied = text[..text.len() - rest.len()].iter();
            let mut expected = b"x".to_vec();
            while let Some(&byte) = copied.next() {
                assert!(byte >= 0x20 && byte != b'"', "{}", text.escape_ascii());
                if byte == b'\\' {
                    assert_eq!(copied.next(), Some(&b'"'), "{}", text.escape_ascii());
                    expected.push(b'"');
                } else {
                    expected.push(byte);
                }
            }
            assert_eq!(out, expected, "{}", text.escape_ascii());
        }
    }
}
