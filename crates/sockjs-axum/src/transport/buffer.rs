use std::mem;

use sockjs_core::{FormDecoder, Payload};

use super::upload::Upload;
use crate::http::reject::Reject;

/// How a payload is written in the body of a send request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Format {
    /// It is the body.
    Plain,
    /// It is a field of a form.
    Form,
}

/// What has arrived of a payload.
pub(super) struct Buffer {
    content: Content,
    /// How long the payload may be.
    limit: usize,
    /// How long the body may be.
    wire_limit: usize,
    wire_len: usize,
}

enum Content {
    Plain(Vec<u8>),
    Form(FormDecoder),
    TooLong,
}

impl Buffer {
    pub(super) fn new(format: Format, limit: usize) -> Self {
        let (content, wire_limit) = match format {
            Format::Plain => (Content::Plain(Vec::new()), limit),
            Format::Form => (Content::Form(FormDecoder::new()), max_form_len(limit)),
        };
        Self {
            content,
            limit,
            wire_limit,
            wire_len: 0,
        }
    }

    /// Fails if the body says that it is too long.
    pub(super) fn check_declared(&self, upload: &Upload) -> Result<(), Reject> {
        match upload.declared_len() {
            Some(len) if len > self.wire_limit as u64 => Err(Reject::BodyTooLarge),
            _ => Ok(()),
        }
    }

    /// Fails if the payload or the body is too long.
    pub(super) fn check(&self) -> Result<(), Reject> {
        match self.content {
            Content::TooLong => Err(Reject::BodyTooLarge),
            _ => Ok(()),
        }
    }

    /// Takes the next part of the body. Nothing is kept of a body that is too long.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.wire_len += bytes.len();
        if self.wire_len > self.wire_limit {
            self.content = Content::TooLong;
        }
        match &mut self.content {
            Content::Plain(body) => {
                let len = body.len() + bytes.len();
                if len > body.capacity() {
                    // Grows as a vector does, but not above the limit.
                    let capacity = (2 * body.capacity()).min(self.limit).max(len);
                    body.reserve_exact(capacity - body.len());
                }
                body.extend_from_slice(bytes);
            }
            Content::Form(form) => {
                form.push(bytes);
                if form.len() > self.limit {
                    self.content = Content::TooLong;
                }
            }
            Content::TooLong => {}
        }
    }

    /// Returns how long the body is so far.
    pub(super) fn wire_len(&self) -> usize {
        self.wire_len
    }

    /// Returns how much memory the payload takes so far.
    pub(super) fn capacity(&self) -> usize {
        match &self.content {
            Content::Plain(body) => body.capacity(),
            Content::Form(form) => form.capacity(),
            Content::TooLong => 0,
        }
    }

    /// Decodes and checks the payload.
    pub(super) fn into_payload(mut self, message_limit: usize) -> Result<Payload, Reject> {
        let bytes = match mem::replace(&mut self.content, Content::TooLong) {
            Content::Plain(body) => body,
            // A form without the field is as good as no body.
            Content::Form(form) => form.finish().unwrap_or_default(),
            Content::TooLong => return Err(Reject::BodyTooLarge),
        };
        let text = into_text(bytes, self.limit).ok_or(Reject::BodyTooLarge)?;
        Payload::parse(&text, message_limit).map_err(Reject::Payload)
    }
}

/// Decodes UTF-8. Each invalid sequence becomes U+FFFD, which may be longer than the sequence.
/// Returns `None` if the text is longer than `limit`.
fn into_text(bytes: Vec<u8>, limit: usize) -> Option<String> {
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return Some(text),
        Err(error) => error.into_bytes(),
    };
    let len = bytes.utf8_chunks().fold(0, |len, chunk| {
        let is_valid = chunk.invalid().is_empty();
        len + chunk.valid().len() + if is_valid { 0 } else { REPLACEMENT.len() }
    });
    if len > limit {
        return None;
    }
    let mut text = String::with_capacity(len);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push_str(REPLACEMENT);
        }
    }
    Some(text)
}

/// Returns how long a form may be: each byte of the payload may be escaped, and there may be a few
/// other fields.
pub(crate) fn max_form_len(limit: usize) -> usize {
    limit.saturating_mul(3).saturating_add(1024)
}

const REPLACEMENT: &str = "\u{fffd}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_utf8_counts_as_what_it_becomes() {
        for bytes in [
            &b"a\xffb"[..],
            b"\xff\xfe",
            b"caf\xe9",
            b"\xf0\x9f\x98",
            b"\xed\xa0\x80",
            b"a",
        ] {
            let text = String::from_utf8_lossy(bytes);
            let len = text.len();
            assert_eq!(into_text(bytes.into(), len).as_deref(), Some(&*text));
            if len > bytes.len() {
                assert_eq!(into_text(bytes.into(), len - 1), None);
            }
        }
    }

    #[test]
    fn a_body_in_small_parts_takes_no_more_than_twice_its_length_or_the_limit() {
        let mut buffer = Buffer::new(Format::Plain, 1000);
        let mut capacities = 0;
        for len in 1..=1000 {
            let before = buffer.capacity();
            buffer.push(b" ");
            capacities += usize::from(buffer.capacity() != before);
            assert!(buffer.capacity() <= (2 * len).min(1000));
        }
        assert!(capacities < 15, "{capacities}");
        assert!(buffer.check().is_ok());
        buffer.push(b" ");
        assert!(buffer.check().is_err());
        assert_eq!(buffer.capacity(), 0);
    }
}
