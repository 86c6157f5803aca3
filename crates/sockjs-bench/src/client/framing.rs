//! How each HTTP transport puts frames into a response body.

use std::borrow::Cow;
use std::str;

use bytes::{Buf, BytesMut};
use percent_encoding::percent_decode;

use super::{ClientError, Take};

/// Where one frame ends and the next begins.
#[derive(Clone, Copy, Debug)]
pub(super) enum Framing {
    /// `FRAME\n`
    Lines,
    /// `data: FRAME\r\n\r\n`, with `%25` for `%`
    Events,
    /// `<script>\np("FRAME");\n</script>\r\n`
    Scripts,
    /// `/**/c("FRAME");\r\n`
    Call,
}

impl Framing {
    /// Takes the first frame off `input`, if all of it is there: the frame, and how many bytes of
    /// the input it and what stood before it took. An empty frame is padding.
    pub(super) fn split<'a>(
        self,
        input: &'a [u8],
    ) -> Result<Option<(Cow<'a, str>, usize)>, ClientError> {
        let end: &[u8] = match self {
            Self::Lines => b"\n",
            Self::Events => b"\r\n",
            Self::Scripts => b");\n</script>\r\n",
            Self::Call => b");\r\n",
        };
        let Some(length) = find(input, end) else {
            return Ok(None);
        };
        let record = &input[..length];
        let malformed = || ClientError::malformed(record);
        let frame = match self {
            Self::Lines => text(record)?.into(),
            Self::Events if record.is_empty() => "".into(),
            Self::Events => {
                let data = record.strip_prefix(b"data: ").ok_or_else(malformed)?;
                percent_decode(data)
                    .decode_utf8()
                    .map_err(|_| malformed())?
            }
            Self::Scripts => {
                const START: &[u8] = b"<script>\np(";
                let start = find(record, START).ok_or_else(malformed)?;
                string(&record[start + START.len()..])?
            }
            Self::Call => string(record.strip_prefix(b"/**/c(").ok_or_else(malformed)?)?,
        };
        Ok(Some((frame, length + end.len())))
    }

    /// Takes all whole frames off `input` and hands those that are no padding to `take`. Returns
    /// whether there was one.
    pub(super) fn take_all(
        self,
        input: &mut BytesMut,
        take: &mut Take<'_>,
    ) -> Result<bool, ClientError> {
        let mut taken = false;
        while let Some((text, length)) = self.split(input)? {
            if !text.is_empty() {
                taken = true;
                take(&text)?;
            }
            input.advance(length);
        }
        Ok(taken)
    }
}

fn string(json: &[u8]) -> Result<Cow<'static, str>, ClientError> {
    serde_json::from_slice::<String>(json)
        .map(Cow::Owned)
        .map_err(|_| ClientError::malformed(json))
}

fn text(bytes: &[u8]) -> Result<&str, ClientError> {
    str::from_utf8(bytes).map_err(|_| ClientError::malformed(bytes))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let (first, rest) = needle.split_first()?;
    let mut from = 0;
    loop {
        let at = from + haystack[from..].iter().position(|byte| byte == first)?;
        if haystack[at + 1..].starts_with(rest) {
            return Some(at);
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `body` byte by byte, and collects the frames as they are complete.
    fn frames(framing: Framing, body: &str) -> Vec<String> {
        let mut frames = Vec::new();
        let mut input = Vec::new();
        for byte in body.bytes() {
            input.push(byte);
            while let Some((frame, length)) = framing.split(&input).unwrap() {
                if !frame.is_empty() {
                    frames.push(frame.into_owned());
                }
                input.drain(..length);
            }
        }
        assert!(input.is_empty(), "left: {:?}", String::from_utf8(input));
        frames
    }

    #[test]
    fn lines() {
        assert_eq!(
            frames(Framing::Lines, "hhh\no\na[\"x\"]\n"),
            ["hhh", "o", "a[\"x\"]"]
        );
    }

    #[test]
    fn events() {
        let body = "\r\ndata: o\r\n\r\ndata: a[\"100%25\"]\r\n\r\n";
        assert_eq!(frames(Framing::Events, body), ["o", "a[\"100%\"]"]);
    }

    #[test]
    fn scripts() {
        let body = "<!doctype html>\n  <script>\n    function p(d) {c.message(d);};\n  </script>   \
            \r\n\r\n<script>\np(\"o\");\n</script>\r\n<script>\np(\"a[\\\"x\\\"]\");\n</script>\r\n";
        assert_eq!(frames(Framing::Scripts, body), ["o", "a[\"x\"]"]);
    }

    #[test]
    fn calls() {
        assert_eq!(
            frames(Framing::Call, "/**/c(\"a[\\\"x\\\"]\");\r\n"),
            ["a[\"x\"]"]
        );
    }

    #[test]
    fn what_is_framed_otherwise_is_malformed() {
        assert!(Framing::Events.split(b"event: o\r\n\r\n").is_err());
        assert!(Framing::Scripts.split(b"p(\"o\");\n</script>\r\n").is_err());
        assert!(Framing::Call.split(b"c(\"o\");\r\n").is_err());
        assert!(Framing::Lines.split(b"\xff\n").is_err());
    }
}
