use memchr::{memchr, memchr3};

/// Decodes an HTML form as its bytes arrive, and keeps only the payload of a `jsonp_send` request.
///
/// The payload is the value of the first field `d`, as in [`form_payload`](crate::form_payload).
/// Names, other fields and escapes are not kept. So the decoder holds no more than the payload, of
/// which the form may be three times as long.
///
/// ```
/// use sockjs_core::FormDecoder;
///
/// let mut decoder = FormDecoder::new();
/// decoder.push(b"x=1&d=%5B%2");
/// decoder.push(b"2a+b%22%5D");
/// assert_eq!(decoder.len(), 7);
/// assert_eq!(decoder.finish(), Some(b"[\"a b\"]".to_vec()));
/// ```
#[derive(Clone, Debug, Default)]
pub struct FormDecoder {
    place: Place,
    escape: Escape,
    payload: Vec<u8>,
}

/// Where in the form the next byte is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Place {
    /// In a name that is empty so far.
    #[default]
    Start,
    /// In a name that is `d` so far.
    Name,
    /// In a field with another name.
    OtherField,
    /// In the value of the field `d`.
    Payload,
    /// Behind the field `d`.
    Done,
}

/// The beginning of an escape: what follows a percent sign decides whether it is one.
#[derive(Clone, Copy, Debug, Default)]
enum Escape {
    #[default]
    None,
    Percent,
    Digit(u8),
}

impl FormDecoder {
    /// Creates a decoder for one form.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes the next bytes of the form.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            rest = match (self.place, self.escape) {
                (Place::Done, _) => return,
                // The value of another field is only skipped.
                (Place::OtherField, _) => match memchr(b'&', rest) {
                    Some(at) => {
                        (self.place, self.escape) = (Place::Start, Escape::None);
                        &rest[at + 1..]
                    }
                    None => return,
                },
                (Place::Payload, Escape::None) => match memchr3(b'%', b'+', b'&', rest) {
                    Some(0) => {
                        self.byte(byte);
                        after
                    }
                    Some(at) => {
                        self.payload.extend_from_slice(&rest[..at]);
                        &rest[at..]
                    }
                    None => {
                        self.payload.extend_from_slice(rest);
                        return;
                    }
                },
                _ => {
                    self.byte(byte);
                    after
                }
            };
        }
    }

    /// Returns the length of the payload so far, decoded.
    pub fn len(&self) -> usize {
        self.payload.len()
    }

    /// Returns whether no byte of a payload has arrived.
    pub fn is_empty(&self) -> bool {
        self.payload.is_empty()
    }

    /// Returns how much memory the payload takes so far.
    pub fn capacity(&self) -> usize {
        self.payload.capacity()
    }

    /// Ends the form. Returns its payload, or `None` if it has no field `d`. The payload may be
    /// invalid UTF-8.
    pub fn finish(mut self) -> Option<Vec<u8>> {
        self.end_escape();
        // A field may have no value, not even an equals sign.
        let has_field = matches!(self.place, Place::Name | Place::Payload | Place::Done);
        has_field.then_some(self.payload)
    }

    fn byte(&mut self, byte: u8) {
        match (self.escape, char::from(byte).to_digit(16)) {
            (Escape::Percent, Some(_)) => self.escape = Escape::Digit(byte),
            (Escape::Digit(first), Some(second)) => {
                self.escape = Escape::None;
                let first = char::from(first).to_digit(16).unwrap_or_default();
                self.decoded((first << 4 | second) as u8);
            }
            _ => {
                self.end_escape();
                self.unescaped(byte);
            }
        }
    }

    fn unescaped(&mut self, byte: u8) {
        match (byte, self.place) {
            (b'%', _) => self.escape = Escape::Percent,
            (b'+', _) => self.decoded(b' '),
            (b'&', Place::Name | Place::Payload) => self.place = Place::Done,
            (b'&', Place::Start | Place::OtherField) => self.place = Place::Start,
            (b'=', Place::Name) => self.place = Place::Payload,
            _ => self.decoded(byte),
        }
    }

    /// Takes what looked like an escape for what it is.
    fn end_escape(&mut self) {
        match std::mem::take(&mut self.escape) {
            Escape::None => {}
            Escape::Percent => self.decoded(b'%'),
            Escape::Digit(digit) => {
                self.decoded(b'%');
                self.decoded(digit);
            }
        }
    }

    fn decoded(&mut self, byte: u8) {
        match (self.place, byte) {
            (Place::Start, b'd') => self.place = Place::Name,
            (Place::Start | Place::Name, _) => self.place = Place::OtherField,
            (Place::Payload, _) => self.payload.push(byte),
            (Place::OtherField | Place::Done, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::form_payload;

    fn decode(form: &[u8], chunk: usize) -> Option<String> {
        let mut decoder = FormDecoder::new();
        form.chunks(chunk).for_each(|chunk| decoder.push(chunk));
        let payload = decoder.finish()?;
        Some(String::from_utf8_lossy(&payload).into_owned())
    }

    #[test]
    fn nothing_but_the_payload_is_kept() {
        let mut decoder = FormDecoder::new();
        decoder.push("x".repeat(100_000).as_bytes());
        decoder.push(b"&d=%2");
        assert_eq!(decoder.capacity(), 0);
        decoder.push(b"5");
        assert_eq!(decoder.len(), 1);
        decoder.push(&[b"&d=".as_slice(), &[b'y'; 100_000]].concat());
        assert_eq!(decoder.len(), 1);
        assert_eq!(decoder.finish().as_deref(), Some(b"%".as_slice()));
    }

    #[test]
    fn an_incomplete_escape_ends_with_its_field() {
        for form in [
            "%%&d=x",
            "x%&d=x",
            "%&d=x",
            "%%4&d=x",
            "x=%&%64=x",
            "d=%&4=x",
        ] {
            let expected = form_payload(form.as_bytes());
            assert!(expected.is_some());
            for chunk in 1..=form.len() {
                assert_eq!(decode(form.as_bytes(), chunk), expected, "{form}, {chunk}");
            }
        }
    }

    proptest! {
        #[test]
        fn it_decodes_what_form_payload_decodes(
            form in r"([d&=+%x4]|%64|%[0-9a-fA-F]{2}|d=){0,12}",
            chunk in 1..8_usize,
        ) {
            prop_assert_eq!(decode(form.as_bytes(), chunk), form_payload(form.as_bytes()));
        }

        #[test]
        fn it_decodes_what_form_payload_decodes_of_any_bytes(
            form: Vec<u8>,
            chunk in 1..8_usize,
        ) {
            prop_assert_eq!(decode(&form, chunk), form_payload(&form));
        }
    }
}
