//! Messages that tell which they are, and the check that all of them come back.

use std::fmt::Write;

use clap::ValueEnum;
use serde::Serialize;

/// What messages are made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Content {
    /// Nothing that JSON escapes.
    Ascii,
    /// An object with a quote in every fourth byte, each of which SockJS has to escape.
    Json,
}

/// The messages that a session sends at once, and how many of them are back.
#[derive(Debug)]
pub(crate) struct Batch {
    head: String,
    tail: String,
    sequence: u64,
    messages: Vec<String>,
    returned: usize,
}

impl Batch {
    /// Makes batches of `in_flight` messages of `size` bytes, or of as few more as the number takes.
    pub(crate) fn new(session: usize, in_flight: usize, size: usize, content: Content) -> Self {
        let (head, tail) = match content {
            Content::Ascii => {
                let head = format!("{session}:");
                let padding = size.saturating_sub(head.len() + DIGITS);
                (head, "m".repeat(padding))
            }
            Content::Json => {
                const FIELDS: &str = r#","user":"alice","room":"lobby","text":"hello""#;
                let head = format!(r#"{{"id":"{session}:"#);
                let room = size.saturating_sub(head.len() + DIGITS + r#""}"#.len());
                let fields = FIELDS.repeat(room / FIELDS.len());
                let padding = room % FIELDS.len();
                (head, format!(r#""{fields}{:padding$}}}"#, ""))
            }
        };
        Self {
            head,
            tail,
            sequence: 0,
            messages: vec![String::new(); in_flight],
            returned: 0,
        }
    }

    /// Goes on to the next messages, none of which is as one before.
    pub(crate) fn advance(&mut self) -> &[String] {
        for message in &mut self.messages {
            message.clear();
            message.push_str(&self.head);
            write!(message, "{:0DIGITS$}", self.sequence).expect("a string takes everything");
            message.push_str(&self.tail);
            self.sequence += 1;
        }
        self.returned = 0;
        &self.messages
    }

    /// Notes what came back.
    ///
    /// # Errors
    ///
    /// If that is not the first message still out.
    pub(crate) fn check(&mut self, received: &str) -> Result<(), Wrong> {
        let Some(expected) = self.messages.get(self.returned) else {
            return Err(Wrong::Surplus(received.to_owned()));
        };
        if received != expected {
            return Err(Wrong::Different {
                expected: expected.clone(),
                received: received.to_owned(),
            });
        }
        self.returned += 1;
        Ok(())
    }

    /// Returns whether all messages are back.
    pub(crate) fn is_complete(&self) -> bool {
        self.returned == self.messages.len()
    }
}

/// How an echo is not what was sent.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Wrong {
    /// It was changed, or others before it were lost, or overtaken.
    #[error("received {received:?} where {expected:?} was due")]
    Different { expected: String, received: String },
    /// There was nothing to come.
    #[error("received {0:?} where nothing was due")]
    Surplus(String),
}

/// Enough that all messages of a session have the same length.
const DIGITS: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(in_flight: usize) -> Batch {
        Batch::new(7, in_flight, 32, Content::Ascii)
    }

    #[test]
    fn messages_have_the_size_asked_for() {
        for content in [Content::Ascii, Content::Json] {
            for size in [32, 100, 256, 4096] {
                let mut batch = Batch::new(99, 2, size, content);
                for message in batch.advance() {
                    assert_eq!(message.len(), size, "{message}");
                }
            }
        }
    }

    #[test]
    fn json_is_valid_and_full_of_quotes() {
        let mut batch = Batch::new(99, 1, 256, Content::Json);
        let message = &batch.advance()[0];
        assert!(serde_json::from_str::<serde_json::Value>(message).is_ok());
        assert!(message.matches('"').count() > 256 / 5);
    }

    #[test]
    fn batch_is_complete_when_all_are_back() {
        let mut batch = batch(3);
        for _ in 0..2 {
            let sent = batch.advance().to_vec();
            for message in sent {
                assert!(!batch.is_complete());
                batch.check(&message).unwrap();
            }
            assert!(batch.is_complete());
        }
    }

    #[test]
    fn loss_and_reordering_are_noticed() {
        let mut batch = batch(2);
        let second = batch.advance()[1].clone();
        assert!(matches!(batch.check(&second), Err(Wrong::Different { .. })));
        assert!(!batch.is_complete());
    }

    #[test]
    fn a_repeated_message_is_noticed() {
        let mut batch = batch(1);
        let old = batch.advance()[0].clone();
        batch.check(&old).unwrap();
        assert_eq!(batch.check(&old), Err(Wrong::Surplus(old.clone())));
        batch.advance();
        assert!(matches!(batch.check(&old), Err(Wrong::Different { .. })));
    }

    #[test]
    fn a_changed_message_is_noticed() {
        let mut batch = batch(1);
        let changed = batch.advance()[0].replace("mm", "mn");
        assert!(batch.check(&changed).is_err());
    }

    #[test]
    fn a_message_of_another_session_is_noticed() {
        let mut other = Batch::new(8, 1, 32, Content::Ascii);
        let mut batch = batch(1);
        batch.advance();
        assert!(batch.check(&other.advance()[0].clone()).is_err());
    }
}
