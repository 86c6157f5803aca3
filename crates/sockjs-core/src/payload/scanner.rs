use crate::quote::{json_special, plain_len};

/// Walks over JSON text that is an array of strings, or one string.
///
/// It knows no other JSON, so it needs no recursion and nothing to allocate. Methods that return
/// an `Option` return `None` where the text is not what they expect; the scanner is then of no
/// further use.
#[derive(Clone, Copy)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

/// What a scan found out.
#[derive(Default)]
pub(super) struct Outline {
    /// How many strings there are.
    pub(super) strings: usize,
    /// How many bytes the longest one has when decoded.
    pub(super) longest: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self::resume(text, 0)
    }

    /// Makes a scanner that goes on where another was at [`position`](Self::position).
    pub(super) fn resume(text: &'a str, position: usize) -> Self {
        Self { text, at: position }
    }

    /// Checks that the whole text is an array of strings.
    pub(super) fn array(mut self) -> Option<Outline> {
        let mut outline = Outline::default();
        self.token(b'[')?;
        if self.token(b']').is_none() {
            loop {
                outline.add(self.string()?);
                if self.token(b',').is_none() {
                    break;
                }
            }
            self.token(b']')?;
        }
        self.end()?;
        Some(outline)
    }

    /// Checks that the whole text is one string.
    pub(super) fn single(mut self) -> Option<Outline> {
        let mut outline = Outline::default();
        outline.add(self.string()?);
        self.end()?;
        Some(outline)
    }

    /// Decodes the next string of a text that was found good.
    pub(super) fn decode_next(&mut self) -> String {
        // Between strings a quotation mark can only be the one that opens the next.
        let mut gap = self.rest().bytes();
        self.at += gap.position(|byte| byte == b'"').unwrap_or_default();
        let mut string = *self;
        self.at += 1;
        let Some((run, mut escaped)) = self.piece() else {
            return String::new();
        };
        if escaped.is_none() {
            return run.to_owned();
        }
        // To look twice is cheaper than to grow.
        let mut decoded = String::with_capacity(string.string().unwrap_or_default());
        decoded.push_str(run);
        while let Some(c) = escaped {
            decoded.push(c);
            let Some((run, next)) = self.piece() else {
                break;
            };
            decoded.push_str(run);
            escaped = next;
        }
        decoded
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Checks a string and returns how many bytes it has when decoded.
    fn string(&mut self) -> Option<usize> {
        self.token(b'"')?;
        let mut len = 0;
        loop {
            let (run, escaped) = self.piece()?;
            len += run.len();
            let Some(c) = escaped else { return Some(len) };
            len += c.len_utf8();
        }
    }

    /// Goes on within a string: returns a run of plain text, which may be empty, and the character
    /// that is escaped behind it, or `None` for that where the string ends.
    fn piece(&mut self) -> Option<(&'a str, Option<char>)> {
        let rest = self.rest();
        let run = &rest[..plain_len(rest.as_bytes(), json_special)];
        self.at += run.len();
        match self.byte()? {
            b'"' => Some((run, None)),
            b'\\' => Some((run, Some(self.escape()?))),
            _ => None,
        }
    }

    fn escape(&mut self) -> Option<char> {
        match self.byte()? {
            b'"' => Some('"'),
            b'\\' => Some('\\'),
            b'/' => Some('/'),
            b'b' => Some('\u{8}'),
            b'f' => Some('\u{c}'),
            b'n' => Some('\n'),
            b'r' => Some('\r'),
            b't' => Some('\t'),
            b'u' => self.unicode_escape(),
            _ => None,
        }
    }

    fn unicode_escape(&mut self) -> Option<char> {
        let first = self.code_unit()?;
        if let Some(c) = char::from_u32(u32::from(first)) {
            return Some(c);
        }
        // A surrogate. Only together with the other half, in an escape of its own, does it stand
        // for a character; whatever else comes next is looked at on its own.
        let mut ahead = *self;
        let second = ahead.code_unit_escape().unwrap_or_default();
        let Some(Ok(c)) = char::decode_utf16([first, second]).next() else {
            return Some(char::REPLACEMENT_CHARACTER);
        };
        *self = ahead;
        Some(c)
    }

    fn code_unit_escape(&mut self) -> Option<u16> {
        match (self.byte()?, self.byte()?) {
            (b'\\', b'u') => self.code_unit(),
            _ => None,
        }
    }

    fn code_unit(&mut self) -> Option<u16> {
        let digits = self.text.as_bytes()[self.at..].first_chunk::<4>()?;
        self.at += digits.len();
        digits.iter().try_fold(0, |unit, &digit| {
            Some(unit << 4 | char::from(digit).to_digit(16)? as u16)
        })
    }

    /// Goes past white space and the one byte that is expected next.
    fn token(&mut self, expected: u8) -> Option<()> {
        self.skip_space();
        if self.text.as_bytes().get(self.at) != Some(&expected) {
            return None;
        }
        self.at += 1;
        Some(())
    }

    fn end(&mut self) -> Option<()> {
        self.skip_space();
        self.rest().is_empty().then_some(())
    }

    fn skip_space(&mut self) {
        while self.text.as_bytes().get(self.at).is_some_and(is_space) {
            self.at += 1;
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.text.as_bytes().get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }
}

impl Outline {
    fn add(&mut self, len: usize) {
        self.strings += 1;
        self.longest = self.longest.max(len);
    }
}

/// Returns whether JSON takes `byte` as white space.
pub(super) fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
