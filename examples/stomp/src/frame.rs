//! What STOMP sends: a command, headers, a body.

use crate::header::{Escaping, Headers};
use crate::version::Version;

/// A STOMP frame. SockJS carries text, so its body is text too.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Frame {
    pub(crate) command: Command,
    pub(crate) headers: Headers,
    pub(crate) body: String,
}

impl Frame {
    pub(crate) fn new(command: Command) -> Self {
        Self {
            command,
            headers: Headers::default(),
            body: String::new(),
        }
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Sets the body, and the header that says how long it is.
    pub(crate) fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.header("content-length", length)
    }

    /// Returns the frame as it goes over the wire to a peer that speaks `version`.
    pub(crate) fn encode(&self, version: Version) -> String {
        let escaping = Escaping::new(version, self.command);
        let mut out = String::with_capacity(128 + self.body.len());
        out.push_str(self.command.as_str());
        out.push('\n');
        for (name, value) in self.headers.iter() {
            escaping.write_header(name, value, &mut out);
        }
        out.push('\n');
        out.push_str(&self.body);
        out.push('\0');
        out
    }
}

/// What a frame asks for, or tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Command {
    /// Also written STOMP, which means the same.
    Connect,
    Send,
    Subscribe,
    Unsubscribe,
    Disconnect,
    Ack,
    Nack,
    Begin,
    Commit,
    Abort,
    Connected,
    Message,
    Receipt,
    Error,
}

impl Command {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if name == "STOMP" {
            return Some(Self::Connect);
        }
        ALL.into_iter().find(|command| command.as_str() == name)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Send => "SEND",
            Self::Subscribe => "SUBSCRIBE",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::Disconnect => "DISCONNECT",
            Self::Ack => "ACK",
            Self::Nack => "NACK",
            Self::Begin => "BEGIN",
            Self::Commit => "COMMIT",
            Self::Abort => "ABORT",
            Self::Connected => "CONNECTED",
            Self::Message => "MESSAGE",
            Self::Receipt => "RECEIPT",
            Self::Error => "ERROR",
        }
    }

    pub(crate) fn may_have_body(self) -> bool {
        matches!(self, Self::Send | Self::Message | Self::Error)
    }
}

const ALL: [Command; 14] = [
    Command::Connect,
    Command::Send,
    Command::Subscribe,
    Command::Unsubscribe,
    Command::Disconnect,
    Command::Ack,
    Command::Nack,
    Command::Begin,
    Command::Commit,
    Command::Abort,
    Command::Connected,
    Command::Message,
    Command::Receipt,
    Command::Error,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_brings_its_length_in_bytes() {
        let frame = Frame::new(Command::Message)
            .header("destination", "/topic/a:b")
            .body("grün\0");
        for (version, destination) in [
            (Version::V1_0, "/topic/a:b"),
            (Version::V1_1, r"/topic/a\cb"),
            (Version::V1_2, r"/topic/a\cb"),
        ] {
            assert_eq!(
                frame.encode(version),
                format!("MESSAGE\ndestination:{destination}\ncontent-length:6\n\ngrün\0\0")
            );
        }
    }

    #[test]
    fn connected_is_not_escaped() {
        let frame = Frame::new(Command::Connected).header("session", "a:b");
        assert_eq!(frame.encode(Version::V1_2), "CONNECTED\nsession:a:b\n\n\0");
    }

    #[test]
    fn every_command_is_parsed_as_it_is_written() {
        for command in ALL {
            assert_eq!(Command::parse(command.as_str()), Some(command));
        }
        assert_eq!(Command::parse("STOMP"), Some(Command::Connect));
        assert_eq!(Command::parse("send"), None);
    }
}
