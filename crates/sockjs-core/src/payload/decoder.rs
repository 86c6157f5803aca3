use crate::plain::{Special, copy_plain};

/// Decodes JSON text that is an array of strings, or one string.
///
/// It knows no other JSON, so it needs no recursion, and its result is no longer than the text.
/// Methods that return an `Option` return `None` where the text is not what they expect; the
/// decoder is then of no further use.
pub(super) struct Decoder<'a> {
    rest: &'a [u8],
    decoded: Decoded,
}

/// The strings of a text.
#[derive(Default)]
pub(super) struct Decoded {
    /// One behind the other with [`END`] between them, in UTF-8.
    pub(super) messages: Vec<u8>,
    pub(super) count: usize,
    /// How many bytes the longest one has.
    pub(super) longest: usize,
}

/// Stands between two strings, because it does not occur in UTF-8.
pub(super) const END: u8 = 0xff;

impl<'a> Decoder<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let decoded = Decoded {
            messages: Vec::with_capacity(text.len()),
            count: 0,
            longest: 0,
        };
        Self {
            rest: text.as_bytes(),
            decoded,
        }
    }

    /// Decodes a text that is an array of strings as a whole.
    pub(super) fn array(mut self) -> Option<Decoded> {
        self.token(b'[')?;
        if self.token(b']').is_none() {
            self.string()?;
            while self.token(b',').is_some() {
                self.decoded.messages.push(END);
                self.string()?;
            }
            self.token(b']')?;
        }
        self.end()
    }

    /// Decodes a text that is one string as a whole.
    pub(super) fn single(mut self) -> Option<Decoded> {
        self.string()?;
        self.end()
    }

    fn string(&mut self) -> Option<()> {
        self.token(b'"')?;
        let start = self.decoded.messages.len();
        loop {
            self.rest = copy_plain(self.rest, Special::InJson, &mut self.decoded.messages);
            match self.byte()? {
                b'"' => break,
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
        let len = self.decoded.messages.len() - start;
        self.decoded.longest = self.decoded.longest.max(len);
        self.decoded.count += 1;
        Some(())
    }

    fn escape(&mut self) -> Option<()> {
        let byte = match self.byte()? {
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let mut utf8 = [0; 4];
                let c = self.unicode_escape()?.encode_utf8(&mut utf8);
                self.decoded.messages.extend_from_slice(c.as_bytes());
                return Some(());
            }
            _ => return None,
        };
        self.decoded.messages.push(byte);
        Some(())
    }

    fn unicode_escape(&mut self) -> Option<char> {
        let first = self.code_unit()?;
        if let Some(c) = char::from_u32(u32::from(first)) {
            return Some(c);
        }
        // A surrogate. Only together with the other half, in an escape of its own, does it stand
        // for a character; whatever else comes next is looked at on its own.
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

    /// Goes past white space and the one byte that is expected next.
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

/// Returns whether JSON takes `byte` as white space.
pub(super) fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
