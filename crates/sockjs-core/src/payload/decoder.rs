use super::lengths;
use crate::dense::remove_backslashes;
use crate::plain::{Special, copy_plain};
use crate::unquote::unescape;

/// A decoder for JSON text that is an array of strings, or one string.
///
/// It supports no other JSON, so it needs no recursion, and the decoded text is never longer than
/// the JSON text. A method that returns an `Option` returns `None` if the text is not what it
/// expects. The decoder must not be used after that.
pub(super) struct Decoder<'a> {
    rest: &'a [u8],
    decoded: Decoded,
}

/// Decoded strings.
#[derive(Default)]
pub(super) struct Decoded {
    /// The strings in UTF-8, one after the other.
    pub(super) messages: Vec<u8>,
    /// Their [`lengths`], if there are several.
    pub(super) lengths: Vec<u8>,
    pub(super) count: usize,
    /// The length of the longest string in bytes.
    pub(super) longest: usize,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let decoded = Decoded {
            messages: Vec::with_capacity(text.len()),
            lengths: Vec::new(),
            count: 0,
            longest: 0,
        };
        Self {
            rest: text.as_bytes(),
            decoded,
        }
    }

    /// Decodes the whole text as an array of strings.
    pub(super) fn array(mut self) -> Option<Decoded> {
        self.token(b'[')?;
        if self.token(b']').is_none() {
            let first = self.string()?;
            let mut is_first = true;
            while self.token(b',').is_some() {
                if is_first {
                    self.decoded.lengths.reserve(LENGTHS);
                    lengths::push(first, &mut self.decoded.lengths);
                    is_first = false;
                }
                let len = self.string()?;
                lengths::push(len, &mut self.decoded.lengths);
            }
            self.token(b']')?;
        }
        self.end()
    }

    /// Decodes the whole text as one string.
    pub(super) fn single(mut self) -> Option<Decoded> {
        self.string()?;
        self.end()
    }

    /// Decodes a string, and returns its length.
    fn string(&mut self) -> Option<usize> {
        self.token(b'"')?;
        let start = self.decoded.messages.len();
        loop {
            self.rest = copy_plain(self.rest, Special::InJson, &mut self.decoded.messages);
            if self.specials()? {
                break;
            }
        }
        let len = self.decoded.messages.len() - start;
        self.decoded.longest = self.decoded.longest.max(len);
        self.decoded.count += 1;
        Some(len)
    }

    /// Decodes escapes that follow each other, and what is near them. Returns whether the string has
    /// ended.
    #[inline]
    fn specials(&mut self) -> Option<bool> {
        loop {
            match self.rest {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    return Some(true);
                }
                [b'\\', rest @ ..] => {
                    let before = self.rest.len();
                    if let [b'"', ..] = rest {
                        self.rest = remove_backslashes(self.rest, &mut self.decoded.messages);
                    }
                    if self.rest.len() == before {
                        self.rest = rest;
                        self.escape()?;
                    }
                }
                [] | [..0x20, ..] => return None,
                _ => return Some(false),
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        let byte = match self.byte()? {
            b'/' => b'/',
            b'u' => {
                let mut utf8 = [0; 4];
                let c = self.unicode_escape()?.encode_utf8(&mut utf8);
                self.decoded.messages.extend_from_slice(c.as_bytes());
                return Some(());
            }
            escaped => unescape(escaped)?,
        };
        self.decoded.messages.push(byte);
        Some(())
    }

    fn unicode_escape(&mut self) -> Option<char> {
        let first = self.code_unit()?;
        if let Some(c) = char::from_u32(u32::from(first)) {
            return Some(c);
        }
        // `first` is half of a surrogate pair. It is part of a character only if the next escape is
        // the other half. Otherwise the text after it is decoded on its own.
        let behind = self.rest;
        let second = self.code_unit_escape().unwrap_or_default();
        if let Some(Ok(c)) = char::decode_utf16([first, second]).next() {
            return Some(c);
        }
        self.rest = behind;
        Some(char::REPLACEMENT_CHARACTER)
    }

    fn code_unit_escape(&mut self) -> Option<u16> {
        match (self.byte()?, self.byte()?) {
            (b'\\', b'u') => self.code_unit(),
            _ => None,
        }
    }

    fn code_unit(&mut self) -> Option<u16> {
        let (digits, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        digits.iter().try_fold(0, |unit, &digit| {
            Some(unit << 4 | char::from(digit).to_digit(16)? as u16)
        })
    }

    /// Skips white space, and the byte that is expected after it.
    fn token(&mut self, expected: u8) -> Option<()> {
        self.skip_space();
        self.rest = self.rest.strip_prefix(&[expected])?;
        Some(())
    }

    fn end(mut self) -> Option<Decoded> {
        self.skip_space();
        self.rest.is_empty().then_some(self.decoded)
    }

    fn skip_space(&mut self) {
        while let [byte, rest @ ..] = self.rest {
            if !is_space(byte) {
                break;
            }
            self.rest = rest;
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }
}

/// For how many lengths there is room at first.
const LENGTHS: usize = 32;

/// Returns whether `byte` is white space in JSON.
pub(super) fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
