use bytes::{Buf as _, Bytes, BytesMut};

/// A frame of a WebSocket, RFC 6455 §5.2.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Frame {
    /// Whether it is the last of its message.
    pub fin: bool,
    /// What it is.
    pub opcode: Opcode,
    /// What it carries.
    pub payload: Bytes,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Opcode {
    /// More of a message.
    Continuation = 0,
    /// A text message, or its beginning.
    Text = 1,
    /// A binary message, or its beginning.
    Binary = 2,
    /// The last frame of its sender.
    Close = 8,
    /// To be answered with a pong.
    Ping = 9,
    /// The answer to a ping.
    Pong = 10,
}

impl Frame {
    /// Makes a text frame.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Opcode::Text, text.into())
    }

    /// Makes a close frame.
    pub fn close(code: u16, reason: &str) -> Self {
        let payload = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
        Self::new(Opcode::Close, payload)
    }

    /// Makes a frame.
    pub fn new(opcode: Opcode, payload: impl Into<Bytes>) -> Self {
        Self {
            fin: true,
            opcode,
            payload: payload.into(),
        }
    }

    /// Makes it a frame that more of the message follows.
    pub fn to_be_continued(self) -> Self {
        Self { fin: false, ..self }
    }

    /// Returns the bytes of the frame as a client has to send it.
    pub fn masked(&self) -> Vec<u8> {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let mut bytes = self.header(MASKED);
        bytes.extend_from_slice(&key);
        let payload = self.payload.iter().zip(key.iter().cycle());
        bytes.extend(payload.map(|(byte, key)| byte ^ key));
        bytes
    }

    /// Returns the bytes of the frame as a server has to send it, and a client must not.
    pub fn unmasked(&self) -> Vec<u8> {
        let mut bytes = self.header(0);
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    /// Takes a frame off the bytes a server sent, once it is there whole.
    ///
    /// # Panics
    ///
    /// When they are no frame of a server.
    pub fn parse(buffer: &mut BytesMut) -> Option<Self> {
        let [first, second, ..] = **buffer else {
            return None;
        };
        assert_eq!(first & RESERVED, 0, "reserved bits of {buffer:?}");
        assert_eq!(second & MASKED, 0, "masking of {buffer:?}");
        let extended = match second {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let header = buffer.get(..2 + extended)?;
        let len = if extended == 0 {
            second.into()
        } else {
            let digits = header[2..].iter();
            digits.fold(0, |len, digit| len << 8 | usize::from(*digit))
        };
        if buffer.len() < header.len() + len {
            return None;
        }
        let opcode = match first & 0x0f {
            0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            other => panic!("opcode {other}"),
        };
        buffer.advance(2 + extended);
        Some(Self {
            fin: first & FIN != 0,
            opcode,
            payload: buffer.split_to(len).freeze(),
        })
    }

    fn header(&self, masked: u8) -> Vec<u8> {
        let fin = if self.fin { FIN } else { 0 };
        let first = fin | self.opcode as u8;
        let len = self.payload.len();
        let length = &(len as u64).to_be_bytes();
        match len {
            0..126 => vec![first, masked | length[7]],
            126..0x1_0000 => [&[first, masked | 126], &length[6..]].concat(),
            _ => [&[first, masked | 127], &length[..]].concat(),
        }
    }
}

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
