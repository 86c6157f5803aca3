//! Lengths of messages as text, so that messages and lengths are one string.
//!
//! A length is written in digits of six bits, the lowest first. All but the last have a bit more. A length
//! has no more digits than JSON has quotation marks, commas and brackets for its string, unless the
//! string is longer than 256 KiB.

/// Appends a length.
#[inline]
pub(super) fn push(mut len: usize, out: &mut Vec<u8>) {
    while len > usize::from(DIGIT) {
        out.push(len as u8 & DIGIT | MORE);
        len >>= BITS;
    }
    out.push(len as u8);
}

/// Reads the length at the start of `digits`. Returns it, and its number of digits.
#[inline]
pub(super) fn read(digits: &[u8]) -> (usize, usize) {
    let mut len = 0;
    for (i, &digit) in digits.iter().enumerate() {
        len |= usize::from(digit & DIGIT) << (BITS * i);
        if digit & MORE == 0 {
            return (len, i + 1);
        }
    }
    (len, digits.len())
}

const BITS: usize = 6;
const DIGIT: u8 = (1 << BITS) - 1;
const MORE: u8 = 1 << BITS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_ascii_and_are_read_as_they_were_written() {
        let mut lengths: Vec<_> = (0..5000).collect();
        lengths.extend((12..40).flat_map(|bit| [(1 << bit) - 1, 1 << bit, (1 << bit) + 1]));
        let mut digits = Vec::new();
        for &len in &lengths {
            push(len, &mut digits);
        }
        assert!(digits.is_ascii());
        let mut rest = &digits[..];
        for len in lengths {
            let (read, count) = read(rest);
            assert_eq!(read, len);
            rest = &rest[count..];
        }
        assert!(rest.is_empty());
    }
}
