use memchr::memchr2;

use crate::TransportError;

/// Finds the texts of frames in the body of a response.
#[derive(Debug)]
pub(crate) struct Framing {
    kind: FramingKind,
    /// Bytes that have arrived.
    buffer: Vec<u8>,
    /// Where the current line begins in the buffer.
    start: usize,
    /// How far the buffer was searched for the end of the line.
    searched: usize,
    /// Whether the last line ended with a carriage return, which a line feed may follow.
    after_return: bool,
    limit: usize,
}

#[derive(Debug)]
enum FramingKind {
    /// A line is a frame.
    Lines,
    /// A server-sent event is a frame. Its data so far, if it has any.
    Events { data: Option<String> },
}

impl Framing {
    /// Frames that are lines, of so many bytes at most.
    pub(crate) fn lines(limit: usize) -> Self {
        Self::new(FramingKind::Lines, limit)
    }

    /// Frames that are server-sent events, with so many bytes of data at most.
    pub(crate) fn events(limit: usize) -> Self {
        Self::new(FramingKind::Events { data: None }, limit)
    }

    fn new(kind: FramingKind, limit: usize) -> Self {
        Self {
            kind,
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            after_return: false,
            limit,
        }
    }

    /// Adds bytes of the body.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the text of the next frame that is complete.
    pub(crate) fn next(&mut self) -> Result<Option<String>, TransportError> {
        while let Some(line) = self.next_line()? {
            match &mut self.kind {
                FramingKind::Lines if line.is_empty() => {}
                FramingKind::Lines => return Ok(Some(line)),
                FramingKind::Events { data } if line.is_empty() => {
                    if let Some(data) = data.take() {
                        return Ok(Some(unescape(&data)));
                    }
                }
                FramingKind::Events { data } => add_field(data, &line, self.limit)?,
            }
        }
        Ok(None)
    }

    /// Ends the body. The next body begins anew.
    pub(crate) fn finish(&mut self) -> Result<(), TransportError> {
        let is_whole = self.start == self.buffer.len()
            && !matches!(self.kind, FramingKind::Events { data: Some(_) });
        self.buffer = Vec::new();
        self.start = 0;
        self.searched = 0;
        self.after_return = false;
        if is_whole {
            Ok(())
        } else {
            Err(TransportError::Protocol("the response ends within a frame"))
        }
    }

    fn next_line(&mut self) -> Result<Option<String>, TransportError> {
        loop {
            let rest = &self.buffer[self.searched..];
            let end = match self.kind {
                FramingKind::Lines => memchr::memchr(b'\n', rest),
                FramingKind::Events { .. } => memchr2(b'\n', b'\r', rest),
            };
            let Some(end) = end.map(|it| self.searched + it) else {
                self.searched = self.buffer.len();
                // A percent sign of an event is three bytes long.
                if self.searched - self.start > self.limit.saturating_mul(3) {
                    return Err(TransportError::TooLong);
                }
                return Ok(None);
            };
            let line = self.start..end;
            self.start = end + 1;
            self.searched = self.start;
            let is_second_half = line.is_empty() && self.buffer[end] == b'\n' && self.after_return;
            self.after_return = self.buffer[end] == b'\r';
            if !is_second_half {
                return match std::str::from_utf8(&self.buffer[line]) {
                    Ok(line) => Ok(Some(line.to_owned())),
                    Err(_) => Err(TransportError::Protocol("not UTF-8")),
                };
            }
        }
    }
}

/// Adds what a line of an event means for its data.
fn add_field(data: &mut Option<String>, line: &str, limit: usize) -> Result<(), TransportError> {
    let value = match line.split_once(':') {
        Some(("data", value)) => value.strip_prefix(' ').unwrap_or(value),
        None if line == "data" => "",
        // A comment, or a field that means nothing here.
        _ => return Ok(()),
    };
    match data {
        None => *data = Some(value.to_owned()),
        Some(data) => {
            data.push('\n');
            data.push_str(value);
        }
    }
    if data
        .as_ref()
        .is_some_and(|it| it.len() > limit.saturating_mul(3))
    {
        return Err(TransportError::TooLong);
    }
    Ok(())
}

/// Decodes the escapes in the data of an event.
///
/// The JavaScript client decodes all percent escapes. Servers that know this escape the percent sign
/// and three control characters. Other servers escape nothing, and with them `%41` must stay.
fn unescape(data: &str) -> String {
    let mut text = String::with_capacity(data.len());
    let mut rest = data;
    while let Some(at) = memchr::memchr(b'%', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        let escaped = match rest.as_bytes().get(at + 1..at + 3) {
            Some(b"25") => Some('%'),
            Some(b"0D" | b"0d") => Some('\r'),
            Some(b"0A" | b"0a") => Some('\n'),
            Some(b"00") => Some('\0'),
            _ => None,
        };
        text.push(escaped.unwrap_or('%'));
        rest = &rest[at + if escaped.is_some() { 3 } else { 1 }..];
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a body in pieces of each size, and returns the frames in it.
    fn frames(framing: fn(usize) -> Framing, body: &str) -> Vec<String> {
        let all = |size: usize| {
            let mut framing = framing(1024);
            let mut frames = Vec::new();
            for piece in body.as_bytes().chunks(size) {
                framing.push(piece);
                while let Some(frame) = framing.next().unwrap() {
                    frames.push(frame);
                }
            }
            framing.finish().unwrap();
            frames
        };
        let frames = all(body.len());
        for size in 1..body.len() {
            assert_eq!(all(size), frames, "in pieces of {size} bytes");
        }
        frames
    }

    #[test]
    fn a_line_is_a_frame() {
        assert_eq!(
            frames(Framing::lines, "o\na[\"é\\r\"]\n\nh\n"),
            ["o", "a[\"é\\r\"]", "h"]
        );
    }

    #[test]
    fn an_event_is_a_frame() {
        let body = "\r\ndata: o\r\n\r\n: comment\r\nid: 1\r\ndata:a[\"%25\"]\n\ndata: h\r\r";
        assert_eq!(frames(Framing::events, body), ["o", "a[\"%\"]", "h"]);
    }

    #[test]
    fn lines_of_data_are_joined() {
        let body = "data: a[\r\ndata: \"x\"]\r\n\r\nevent: x\r\n\r\n";
        assert_eq!(frames(Framing::events, body), ["a[\n\"x\"]"]);
    }

    #[test]
    fn only_what_servers_escape_is_decoded() {
        assert_eq!(
            unescape("%2541 %41 %0D%0A%00 100% %2"),
            "%41 %41 \r\n\0 100% %2"
        );
    }

    #[test]
    fn a_body_that_ends_within_a_frame_is_broken() {
        for (mut framing, body) in [
            (Framing::lines(9), "o\na[\"x"),
            (Framing::events(9), "data: o"),
            (Framing::events(9), "data: o\r\n"),
        ] {
            framing.push(body.as_bytes());
            while framing.next().unwrap().is_some() {}
            assert!(framing.finish().is_err(), "{body}");
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_refused() {
        let mut framing = Framing::lines(9);
        framing.push(b"a\xff\n");
        assert!(matches!(framing.next(), Err(TransportError::Protocol(_))));
    }

    #[test]
    fn a_line_without_end_is_not_collected() {
        for mut framing in [Framing::lines(100), Framing::events(100)] {
            let mut pushed = 0;
            let error = loop {
                framing.push(b"data: 7890");
                pushed += 10;
                match framing.next() {
                    Ok(frame) => assert_eq!(frame, None),
                    Err(error) => break error,
                }
            };
            assert!(matches!(error, TransportError::TooLong));
            assert!(pushed <= 310, "{pushed}");
        }
    }

    #[test]
    fn data_without_end_is_not_collected() {
        let mut framing = Framing::events(100);
        let refused = (0..100).any(|_| {
            framing.push(b"data: 7890\n");
            framing.next().is_err()
        });
        assert!(refused);
    }
}
