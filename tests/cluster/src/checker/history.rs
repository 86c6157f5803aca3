use std::time::Duration;

use crate::log::{Event, Kind, Leave, NodeId, SessionId, Trouble};

/// The log of one session.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) transport: &'static str,
    pub(super) opened: Vec<(Duration, NodeId)>,
    pub(super) sent: Vec<u64>,
    /// When the client has sent its last message.
    pub(super) last_sent: Duration,
    pub(super) taken: Vec<u64>,
    pub(super) received: Vec<(Duration, SessionId, u64)>,
    pub(super) troubles: Vec<(Duration, Trouble)>,
    pub(super) asked: Vec<Asked>,
    pub(super) end: Option<(Duration, End)>,
}

/// A receive request. It is over when the next one is sent, or the session ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) at: Duration,
    pub(super) answer: Answer,
}

/// The response to a receive request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Answer {
    /// None has begun.
    Pending,
    Through(Option<NodeId>),
}

/// How a session ended for its client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    NotOpened(Trouble),
    Closed { code: u16, through: Option<NodeId> },
    Left(Leave),
}

impl End {
    /// Returns whether the client has not ended the session itself.
    pub(super) fn is_loss(self) -> bool {
        !matches!(self, Self::Left(Leave::Satisfied | Leave::Unanswered))
    }
}

impl History {
    pub(super) fn add(&mut self, event: &Event) {
        let at = event.at;
        let end = match &event.kind {
            Kind::Began(transport) => return self.transport = transport,
            Kind::Opened(owner) => return self.opened.push((at, *owner)),
            Kind::Sent(number) => {
                self.last_sent = at;
                return self.sent.push(*number);
            }
            Kind::Asked => {
                return self.asked.push(Asked {
                    at,
                    answer: Answer::Pending,
                });
            }
            Kind::Answered(through) => {
                if let Some(asked) = self.asked.last_mut() {
                    asked.answer = Answer::Through(*through);
                }
                return;
            }
            Kind::Taken(number) => return self.taken.push(*number),
            Kind::NotTaken(_, trouble) | Kind::NotReceived(trouble) => {
                return self.troubles.push((at, *trouble));
            }
            Kind::Received { from, number } => {
                return self.received.push((at, *from, *number));
            }
            Kind::NotOpened(trouble) => End::NotOpened(*trouble),
            Kind::Closed { code, through } => End::Closed {
                code: *code,
                through: *through,
            },
            Kind::Left(leave) => End::Left(*leave),
        };
        self.end.get_or_insert((at, end));
    }
}
