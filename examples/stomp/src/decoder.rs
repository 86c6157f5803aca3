//! From SockJS messages to STOMP frames, wherever either of them ends.

use crate::frame::{Command, Frame};
use crate::header::Headers;

/// Cuts text into frames.
///
/// It holds at most one message and one frame that is not complete; longer frames are refused.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    buffer: String,
    /// Where what is not decoded yet begins.
    at: usize,
    /// Up to where the end of a head or body was looked for, so that a frame that comes in many
    /// pieces is not searched from its start for each of them.
    searched: usize,
    /// The frame whose body is awaited, and the length it is said to have.
    awaiting_body: Option<(Frame, Option<usize>)>,
}

/// Why a client's text is no STOMP.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("unknown command")]
    UnknownCommand,
    #[error("malformed header")]
    MalformedHeader,
    #[error("malformed content-length")]
    MalformedLength,
    #[error("frame does not end where its content-length says")]
    WrongLength,
    #[error("command with a body it may not have")]
    UnexpectedBody,
    #[error("headers too large")]
    HeadTooLarge,
    #[error("body too large")]
    BodyTooLarge,
}

impl Decoder {
    /// Takes the next message of the session.
    pub(crate) fn push(&mut self, text: &str) {
        self.buffer.drain(..self.at);
        self.searched = self.searched.saturating_sub(self.at);
        self.at = 0;
        self.buffer.push_str(text);
    }

    /// Returns the next frame, or `None` until more was pushed.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame>, DecodeError> {
        if self.awaiting_body.is_none() {
            let Some(head) = self.take_head()? else {
                return Ok(None);
            };
            self.awaiting_body = Some(parse_head(&head)?);
        }
        let Some((mut frame, length)) = self.awaiting_body.take() else {
            return Ok(None);
        };
        match self.take_body(length)? {
            None => {
                self.awaiting_body = Some((frame, length));
                Ok(None)
            }
            Some(body) if body.is_empty() || frame.command.may_have_body() => {
                frame.body = body;
                Ok(Some(frame))
            }
            Some(_) => Err(DecodeError::UnexpectedBody),
        }
    }

    /// Takes everything before the empty line that ends the headers.
    fn take_head(&mut self) -> Result<Option<String>, DecodeError> {
        self.skip_line_ends();
        // The part before may have ended within the empty line.
        let mut from = self.searched.saturating_sub(2).max(self.at);
        while let Some(found) = self.buffer.as_bytes()[from..]
            .iter()
            .position(|byte| *byte == b'\n')
        {
            let line_end = from + found;
            let rest = &self.buffer[line_end + 1..];
            if let Some(empty_line) = ["\n", "\r\n"].iter().find(|end| rest.starts_with(*end)) {
                let head = self.buffer[self.at..line_end].to_owned();
                self.advance_to(line_end + 1 + empty_line.len());
                return if head.len() > HEAD_LIMIT {
                    Err(DecodeError::HeadTooLarge)
                } else {
                    Ok(Some(head))
                };
            }
            from = line_end + 1;
        }
        self.searched = self.buffer.len();
        if self.buffer.len() - self.at > HEAD_LIMIT {
            return Err(DecodeError::HeadTooLarge);
        }
        Ok(None)
    }

    /// Takes the body and the NUL after it.
    fn take_body(&mut self, length: Option<usize>) -> Result<Option<String>, DecodeError> {
        let rest = &self.buffer[self.at..];
        let length = match length {
            Some(length) if length > BODY_LIMIT => return Err(DecodeError::BodyTooLarge),
            Some(length) => match rest.as_bytes().get(length) {
                None => return Ok(None),
                Some(0) => length,
                Some(_) => return Err(DecodeError::WrongLength),
            },
            None => {
                let from = self.searched.max(self.at);
                match self.buffer[from..].find('\0') {
                    Some(found) if from + found - self.at <= BODY_LIMIT => from + found - self.at,
                    None if rest.len() <= BODY_LIMIT => {
                        self.searched = self.buffer.len();
                        return Ok(None);
                    }
                    _ => return Err(DecodeError::BodyTooLarge),
                }
            }
        };
        // NUL is a character of its own, so what stands before it is whole.
        let body = rest[..length].to_owned();
        self.advance_to(self.at + length + 1);
        Ok(Some(body))
    }

    /// Skips what may stand between two frames, which is also what heart-beats are made of.
    fn skip_line_ends(&mut self) {
        let rest = &self.buffer[self.at..];
        let mut trimmed = rest;
        while let Some(next) = ["\n", "\r\n"]
            .iter()
            .find_map(|end| trimmed.strip_prefix(end))
        {
            trimmed = next;
        }
        let skipped = rest.len() - trimmed.len();
        if skipped > 0 {
            self.advance_to(self.at + skipped);
        }
    }

    fn advance_to(&mut self, at: usize) {
        self.at = at;
        self.searched = at;
    }
}

/// Parses command and headers. The second value is the length that the body is said to have.
fn parse_head(head: &str) -> Result<(Frame, Option<usize>), DecodeError> {
    let mut lines = head
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line));
    let command = lines
        .next()
        .and_then(Command::parse)
        .ok_or(DecodeError::UnknownCommand)?;

    let mut headers = Headers::default();
    for line in lines {
        if headers.len() == MAX_HEADERS {
            return Err(DecodeError::HeadTooLarge);
        }
        let (name, value) = parse_header(command, line).ok_or(DecodeError::MalformedHeader)?;
        headers.push(name, value);
    }

    let length = match headers.get("content-length") {
        None => None,
        Some(length) => Some(length.parse().map_err(|_| DecodeError::MalformedLength)?),
    };
    let frame = Frame {
        headers,
        ..Frame::new(command)
    };
    Ok((frame, length))
}

fn parse_header(command: Command, line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    if name.is_empty() || line.contains('\r') {
        return None;
    }
    let escaping = command.escaping();
    Some((escaping.read(name)?, escaping.read(value)?))
}

/// Command and headers; tokens in a CONNECT can be long.
const HEAD_LIMIT: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
const BODY_LIMIT: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(pieces: &[&str]) -> Result<Vec<Frame>, DecodeError> {
        let mut decoder = Decoder::default();
        let mut frames = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            while let Some(frame) = decoder.next_frame()? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    fn send(destination: &str, body: &str) -> Frame {
        Frame::new(Command::Send)
            .header("destination", destination)
            .body(body)
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        let frames = [
            Frame::new(Command::Connect).header("passcode", r"a\:b"),
            send("/a:b\n\\c", "grün\0 \r\n\n"),
            send("/b", ""),
            Frame::new(Command::Disconnect).header("receipt", "7"),
        ];
        for frame in frames {
            assert_eq!(decode(&[&frame.encode()]), Ok(vec![frame]));
        }
    }

    #[test]
    fn frames_may_be_cut_anywhere() {
        let frames = [send("/a", "one\0ö"), send("/b", "two")];
        let text = format!(
            "\n{}\r\n\n{}\n",
            frames[0].encode(),
            frames[1].encode().replacen('\n', "\r\n", 4)
        );
        let chars: Vec<String> = text.chars().map(String::from).collect();
        let pieces: Vec<&str> = chars.iter().map(String::as_str).collect();
        assert_eq!(decode(&pieces).as_deref(), Ok(&frames[..]));
        for (cut, _) in text.char_indices() {
            let (left, right) = text.split_at(cut);
            assert_eq!(decode(&[left, right]).as_deref(), Ok(&frames[..]), "{cut}");
        }
    }

    #[test]
    fn many_frames_may_come_at_once() {
        let frames: Vec<Frame> = (0..1000).map(|i| send("/a", &i.to_string())).collect();
        let text: String = frames.iter().map(Frame::encode).collect();
        assert_eq!(decode(&[&text]), Ok(frames));
    }

    #[test]
    fn a_body_without_length_ends_at_the_first_nul() {
        let frames = decode(&[
            "SEND\r\ndestination:/a\r\n\r\nx\n",
            "y\0\n\nDISCONNECT\n\n\0",
        ])
        .expect("two frames");
        assert_eq!(frames[0].body, "x\ny");
        assert_eq!(frames[0].headers.get("destination"), Some("/a"));
        assert_eq!(frames[1], Frame::new(Command::Disconnect));
    }

    #[test]
    fn heart_beats_are_no_frames() {
        assert_eq!(decode(&["\n", "\r\n", "\r", "\n", "\n\n"]), Ok(vec![]));
    }

    #[test]
    fn what_is_no_stomp_is_refused() {
        for (text, error) in [
            ("HELLO\n\n\0", DecodeError::UnknownCommand),
            ("send\n\n\0", DecodeError::UnknownCommand),
            (" SEND\n\n\0", DecodeError::UnknownCommand),
            ("\rSEND\n\n\0", DecodeError::UnknownCommand),
            ("SEND\ndestination\n\n\0", DecodeError::MalformedHeader),
            ("SEND\n:/a\n\n\0", DecodeError::MalformedHeader),
            ("SEND\na:\\t\n\n\0", DecodeError::MalformedHeader),
            ("SEND\na:b\rc\n\n\0", DecodeError::MalformedHeader),
            ("SEND\ncontent-length:x\n\n\0", DecodeError::MalformedLength),
            (
                "SEND\ncontent-length:-1\n\n\0",
                DecodeError::MalformedLength,
            ),
            ("SEND\ncontent-length:1\n\nab\0", DecodeError::WrongLength),
            (
                "SEND\ncontent-length:1\n\n\u{e9}\0",
                DecodeError::WrongLength,
            ),
            ("SUBSCRIBE\nid:0\n\nbody\0", DecodeError::UnexpectedBody),
        ] {
            assert_eq!(decode(&[text]), Err(error), "{text:?}");
        }
    }

    #[test]
    fn nothing_grows_without_end() {
        let endless = "x".repeat(1000);
        let mut head = vec!["SEND\na:"];
        head.extend(vec![endless.as_str(); 20]);
        assert_eq!(decode(&head), Err(DecodeError::HeadTooLarge));

        let mut body = vec!["SEND\n\n"];
        body.extend(vec![endless.as_str(); 300]);
        assert_eq!(decode(&body), Err(DecodeError::BodyTooLarge));

        let headers = format!("SEND\n{}\n\0", "a:b\n".repeat(MAX_HEADERS + 1));
        assert_eq!(decode(&[&headers]), Err(DecodeError::HeadTooLarge));

        let length = format!("SEND\ncontent-length:{}\n\n", BODY_LIMIT + 1);
        assert_eq!(decode(&[&length]), Err(DecodeError::BodyTooLarge));
    }

    #[test]
    fn a_body_may_be_as_large_as_the_limit() {
        let body = "x".repeat(BODY_LIMIT);
        let without_length = format!("SEND\n\n{body}\0");
        for text in [without_length, send("/a", &body).encode()] {
            let frames = decode(&[&text]).expect("a frame");
            assert_eq!(frames[0].body.len(), BODY_LIMIT);
        }
    }
}
