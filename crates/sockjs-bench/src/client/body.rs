//! The body of an HTTP response, as it arrives.

use std::str;

use bytes::{Buf, BytesMut};

use super::ClientError;

/// What is still to come of a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Body {
    /// So many bytes; none once the body is over.
    Length(usize),
    Chunked(Chunk),
    /// Everything until the connection ends.
    Rest,
}

/// The place in a chunked body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Chunk {
    /// Before the line with the size.
    Size,
    /// Before so many bytes of data.
    Data(usize),
    /// Before the line break after data.
    Break,
    /// Among the lines after the last chunk.
    Trailer,
}

impl Body {
    pub(super) const OVER: Self = Self::Length(0);

    /// Moves what `input` has of the body to `output`.
    pub(super) fn read(
        &mut self,
        input: &mut BytesMut,
        output: &mut BytesMut,
    ) -> Result<(), ClientError> {
        match self {
            Self::Rest => output.unsplit(input.split()),
            Self::Length(left) => transfer(left, input, output),
            Self::Chunked(chunk) => {
                if chunk.read(input, output)? {
                    *self = Self::OVER;
                }
            }
        }
        Ok(())
    }
}

impl Chunk {
    /// Does as [`Body::read`], and returns whether the body is over.
    fn read(&mut self, input: &mut BytesMut, output: &mut BytesMut) -> Result<bool, ClientError> {
        loop {
            match self {
                Self::Data(left) => {
                    transfer(left, input, output);
                    if *left > 0 {
                        return Ok(false);
                    }
                    *self = Self::Break;
                }
                Self::Size | Self::Break | Self::Trailer => {
                    let Some(length) = input.iter().position(|byte| *byte == b'\n') else {
                        return Ok(false);
                    };
                    let line = input[..length].trim_ascii_end();
                    let over = matches!(self, Self::Trailer) && line.is_empty();
                    *self = match self {
                        Self::Break if line.is_empty() => Self::Size,
                        Self::Trailer => Self::Trailer,
                        Self::Size => match size(line) {
                            Some(0) => Self::Trailer,
                            Some(size) => Self::Data(size),
                            None => return Err(ClientError::malformed(line)),
                        },
                        Self::Break | Self::Data(_) => return Err(ClientError::malformed(line)),
                    };
                    input.advance(length + 1);
                    if over {
                        return Ok(true);
                    }
                }
            }
        }
    }
}

fn size(line: &[u8]) -> Option<usize> {
    let line = str::from_utf8(line).ok()?;
    let (size, _extensions) = line.split_once(';').unwrap_or((line, ""));
    usize::from_str_radix(size.trim(), 16).ok()
}

fn transfer(left: &mut usize, input: &mut BytesMut, output: &mut BytesMut) {
    let length = input.len().min(*left);
    output.extend_from_slice(&input[..length]);
    input.advance(length);
    *left -= length;
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKED: &[u8] = b"2\r\no\n\r\nb;name=x\r\na[\"hello\"]\n\r\n0\r\nTrailer: x\r\n\r\n";

    /// Reads `bytes` in portions of `portion`, and returns the body and what comes after it.
    fn read(mut body: Body, bytes: &[u8], portion: usize) -> (Vec<u8>, Vec<u8>) {
        let mut input = BytesMut::new();
        let mut output = BytesMut::new();
        for portion in bytes.chunks(portion) {
            input.extend_from_slice(portion);
            body.read(&mut input, &mut output).unwrap();
        }
        assert!(matches!(body, Body::OVER | Body::Rest));
        (output.to_vec(), input.to_vec())
    }

    #[test]
    fn chunks_are_put_together_however_they_are_split() {
        for portion in 1..=CHUNKED.len() {
            let (body, left) = read(Body::Chunked(Chunk::Size), CHUNKED, portion);
            assert_eq!(body, b"o\na[\"hello\"]\n", "in portions of {portion}");
            assert!(left.is_empty());
        }
    }

    #[test]
    fn what_follows_a_body_is_left() {
        let (body, left) = read(Body::Length(2), b"okHTTP/1.1", 10);
        assert_eq!((&*body, &*left), (&b"ok"[..], &b"HTTP/1.1"[..]));
        let both = [CHUNKED, b"HTTP/1.1"].concat();
        let (_, left) = read(Body::Chunked(Chunk::Size), &both, both.len());
        assert_eq!(left, b"HTTP/1.1");
    }

    #[test]
    fn body_without_length_is_all_that_comes() {
        let (body, _) = read(Body::Rest, b"all of it", 4);
        assert_eq!(body, b"all of it");
    }

    #[test]
    fn broken_chunks_are_malformed() {
        for bytes in ["x\r\n", "\r\n", "1\r\nab\r\n"] {
            let mut body = Body::Chunked(Chunk::Size);
            let result = body.read(&mut bytes.into(), &mut BytesMut::new());
            assert!(result.is_err(), "{bytes:?}");
        }
    }
}
