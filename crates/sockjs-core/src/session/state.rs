use std::time::Instant;

use crate::{AttachError, Cause, CloseReason, Ending, SessionConfig};

use super::attached::{Attached, Expired};
use super::deadline::Deadline;

/// The state of a session. Only this file changes it.
///
/// ```text
///             attach           close            close frame taken
/// Connecting ───────▶ Open ───────────▶ Closing ─────────────────▶ Closed
///     │                │                   │                         ▲
///     ├─── close ──────┼──────────────────▶┤                         │
///     └────────────────┴───────────────────┴── timeout, lost, abort ─┘
/// ```
#[derive(Debug)]
pub(super) enum State {
    /// No receiver was attached yet.
    Connecting { deadline: Deadline },
    /// Messages are accepted in both directions.
    Open(Link),
    /// The client must still be sent the queued messages, then the close frame.
    Closing {
        link: Link,
        request: Box<CloseRequest>,
    },
    /// The session has ended. Nothing is sent or received.
    Closed(Ending),
}

/// The reason and cause with which a closing session will end.
///
/// It is boxed to keep `State` small, because a session is closing only for a short time.
#[derive(Debug)]
pub(super) struct CloseRequest {
    pub(super) reason: CloseReason,
    pub(super) cause: Cause,
}

/// Whether a receiver is attached.
///
/// ```text
///             complete              release
/// Attached ─────────────▶ Complete ─────────▶ Detached
///     ▲                      │                   │
///     └─────── attach ───────┴───────────────────┘
/// ```
#[derive(Debug)]
pub(super) enum Link {
    Attached(Attached),
    /// The response is complete for the client, but its last bytes may still be on their way. The
    /// disconnect delay has not started.
    Complete {
        deadline: Deadline,
    },
    Detached {
        deadline: Deadline,
    },
}

impl State {
    pub(super) fn new(now: Instant) -> Self {
        Self::Connecting {
            deadline: Deadline::Since(now),
        }
    }

    pub(super) fn attach(
        &mut self,
        now: Instant,
        config: &SessionConfig,
    ) -> Result<(), AttachError> {
        match self {
            Self::Connecting { .. } => *self = Self::Open(Link::attached(now, config)),
            Self::Open(link @ (Link::Complete { .. } | Link::Detached { .. })) => {
                *link = Link::attached(now, config);
            }
            Self::Closing {
                link: link @ (Link::Complete { .. } | Link::Detached { .. }),
                ..
            } => {
                *link = Link::attached(now, config);
                link.close(now);
            }
            Self::Open(Link::Attached(_))
            | Self::Closing {
                link: Link::Attached(_),
                ..
            } => {
                return Err(AttachError::Busy);
            }
            Self::Closed(ending) => return Err(AttachError::Closed(ending.reason.clone())),
        }
        Ok(())
    }

    /// Detaches the receiver. The disconnect delay starts when it is [released](Self::release).
    pub(super) fn complete(&mut self, now: Instant) {
        match self {
            Self::Open(link @ Link::Attached(_))
            | Self::Closing {
                link: link @ Link::Attached(_),
                ..
            } => {
                *link = Link::Complete {
                    deadline: Deadline::Since(now),
                };
            }
            Self::Open(Link::Complete { .. } | Link::Detached { .. })
            | Self::Closing {
                link: Link::Complete { .. } | Link::Detached { .. },
                ..
            }
            | Self::Connecting { .. }
            | Self::Closed(_) => {}
        }
    }

    /// Starts the disconnect delay, if the last receiver is complete.
    pub(super) fn release(&mut self, now: Instant) {
        match self {
            Self::Open(link @ Link::Complete { .. })
            | Self::Closing {
                link: link @ Link::Complete { .. },
                ..
            } => {
                *link = Link::Detached {
                    deadline: Deadline::Since(now),
                };
            }
            Self::Open(Link::Attached(_) | Link::Detached { .. })
            | Self::Closing {
                link: Link::Attached(_) | Link::Detached { .. },
                ..
            }
            | Self::Connecting { .. }
            | Self::Closed(_) => {}
        }
    }

    /// Starts to close the session, unless it is closing or closed already.
    pub(super) fn close(&mut self, now: Instant, reason: CloseReason, cause: Cause) {
        let deadline = Deadline::Since(now);
        let link = match self {
            Self::Connecting { .. } | Self::Open(Link::Detached { .. }) => {
                Link::Detached { deadline }
            }
            Self::Open(link @ (Link::Attached(_) | Link::Complete { .. })) => {
                link.close(now);
                std::mem::replace(link, Link::Detached { deadline })
            }
            Self::Closing { .. } | Self::Closed(_) => return,
        };
        let request = Box::new(CloseRequest { reason, cause });
        *self = Self::Closing { link, request };
    }

    /// Ends the session at once. A session that is closing keeps its own reason and cause.
    pub(super) fn end(&mut self, reason: CloseReason, cause: Cause, unsent: usize) {
        let (reason, cause) = match self {
            Self::Connecting { .. } | Self::Open(_) => (reason, cause),
            Self::Closing { request, .. } => (request.reason.clone(), request.cause),
            Self::Closed(_) => return,
        };
        let in_flight = self.attached().map_or(0, Attached::in_flight);
        *self = Self::Closed(Ending {
            reason,
            cause,
            undelivered: unsent + in_flight,
        });
    }

    /// Applies the deadlines that have passed, or postpones them. Returns a cause if the session must end for it.
    pub(super) fn handle_timeout(&mut self, now: Instant, config: &SessionConfig) -> Option<Cause> {
        match self {
            Self::Connecting { deadline }
            | Self::Open(Link::Detached { deadline })
            | Self::Closing {
                link: Link::Detached { deadline },
                ..
            } => deadline
                .has_passed(now, config.disconnect_delay())
                .then_some(Cause::DisconnectTimeout),
            Self::Open(Link::Complete { deadline })
            | Self::Closing {
                link: Link::Complete { deadline },
                ..
            } => deadline
                .has_passed(now, config.send_timeout())
                .then_some(Cause::SlowClient),
            Self::Open(Link::Attached(attached))
            | Self::Closing {
                link: Link::Attached(attached),
                ..
            } => match attached.handle_timeout(now, config) {
                None => None,
                Some(Expired::SendTimeout) => Some(Cause::SlowClient),
                Some(Expired::PongTimeout) => {
                    let reason = CloseReason::NO_HEARTBEAT;
                    self.close(now, reason, Cause::HeartbeatTimeout);
                    None
                }
            },
            Self::Closed(_) => None,
        }
    }

    pub(super) fn poll_timeout(&self, config: &SessionConfig) -> Option<Instant> {
        match self {
            Self::Connecting { deadline }
            | Self::Open(Link::Detached { deadline })
            | Self::Closing {
                link: Link::Detached { deadline },
                ..
            } => Some(deadline.at(config.disconnect_delay())),
            Self::Open(Link::Complete { deadline })
            | Self::Closing {
                link: Link::Complete { deadline },
                ..
            } => Some(deadline.at(config.send_timeout())),
            Self::Open(Link::Attached(attached))
            | Self::Closing {
                link: Link::Attached(attached),
                ..
            } => attached.poll_timeout(config),
            Self::Closed(_) => None,
        }
    }

    pub(super) fn ending(&self) -> Option<&Ending> {
        match self {
            Self::Closed(ending) => Some(ending),
            Self::Connecting { .. } | Self::Open(_) | Self::Closing { .. } => None,
        }
    }

    pub(super) fn attached(&self) -> Option<&Attached> {
        match self {
            Self::Open(Link::Attached(attached))
            | Self::Closing {
                link: Link::Attached(attached),
                ..
            } => Some(attached),
            Self::Connecting { .. }
            | Self::Open(Link::Complete { .. } | Link::Detached { .. })
            | Self::Closing {
                link: Link::Complete { .. } | Link::Detached { .. },
                ..
            }
            | Self::Closed(_) => None,
        }
    }

    pub(super) fn attached_mut(&mut self) -> Option<&mut Attached> {
        match self {
            Self::Open(Link::Attached(attached))
            | Self::Closing {
                link: Link::Attached(attached),
                ..
            } => Some(attached),
            Self::Connecting { .. }
            | Self::Open(Link::Complete { .. } | Link::Detached { .. })
            | Self::Closing {
                link: Link::Complete { .. } | Link::Detached { .. },
                ..
            }
            | Self::Closed(_) => None,
        }
    }
}

impl Link {
    fn attached(now: Instant, config: &SessionConfig) -> Self {
        Self::Attached(Attached::new(now, config))
    }

    fn close(&mut self, now: Instant) {
        match self {
            Self::Attached(attached) => attached.close(now),
            Self::Complete { .. } | Self::Detached { .. } => {}
        }
    }
}
