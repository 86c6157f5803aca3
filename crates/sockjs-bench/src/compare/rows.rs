//! What is compared: a row of the table each.

use crate::children::Server;
use crate::report::{bytes, thousands};

#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// How `--rows` calls it.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) work: Work,
    pub(super) goal: Goal,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    /// Echoes over a transport, with these arguments of `load`.
    Echo(&'static str, &'static [&'static str]),
    Broadcast,
    Connects,
    /// The memory of so many idle sessions.
    Memory(&'static str, &'static str),
    /// The processor time of so many idle websockets.
    IdleCpu(&'static str),
}

/// What ours is to reach.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    /// So much of what the stack alone does.
    OfStack(f64),
    /// No more bytes a session.
    Bytes(f64),
    /// No more bytes a session than the stack alone and these.
    StackAnd(f64),
    /// No more of a core.
    Share(f64),
}

/// What the numbers of a row are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unit {
    PerCpuSecond,
    Bytes,
    Share,
}

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "websocket",
        title: "websocket echo, 1 in flight",
        work: Work::Echo("websocket", &[]),
        goal: Goal::OfStack(0.90),
    },
    Row {
        id: "websocket-16",
        title: "websocket echo, 16 in flight",
        work: Work::Echo("websocket", &["--in-flight", "16"]),
        goal: Goal::OfStack(0.60),
    },
    Row {
        id: "websocket-json",
        title: "websocket echo, 256 bytes of quote-heavy JSON, 4 in flight",
        work: Work::Echo(
            "websocket",
            &["--in-flight", "4", "--size", "256", "--content", "json"],
        ),
        goal: Goal::OfStack(0.70),
    },
    Row {
        id: "raw-websocket",
        title: "raw websocket echo",
        work: Work::Echo("raw-websocket", &[]),
        goal: Goal::OfStack(0.95),
    },
    Row {
        id: "xhr-streaming",
        title: "xhr_streaming echo, 1 in flight",
        work: Work::Echo("xhr-streaming", &[]),
        goal: Goal::OfStack(0.85),
    },
    Row {
        id: "xhr-streaming-16",
        title: "xhr_streaming echo, 16 in flight",
        work: Work::Echo("xhr-streaming", &["--in-flight", "16"]),
        goal: Goal::OfStack(0.70),
    },
    Row {
        id: "eventsource",
        title: "eventsource echo, 1 in flight",
        work: Work::Echo("eventsource", &[]),
        goal: Goal::OfStack(0.85),
    },
    Row {
        id: "xhr-polling",
        title: "xhr polling echo, 1 in flight",
        work: Work::Echo("xhr-polling", &[]),
        goal: Goal::OfStack(0.85),
    },
    Row {
        id: "broadcast",
        title: "broadcast to 500 websockets, 4 in flight, deliveries",
        work: Work::Broadcast,
        goal: Goal::OfStack(0.90),
    },
    Row {
        id: "connects",
        title: "websocket connects",
        work: Work::Connects,
        goal: Goal::OfStack(0.85),
    },
    Row {
        id: "memory-websocket",
        title: "memory, idle websocket",
        work: Work::Memory("websocket", "2000"),
        goal: Goal::Bytes(8_000.0),
    },
    Row {
        id: "memory-xhr-streaming",
        title: "memory, idle xhr_streaming",
        work: Work::Memory("xhr-streaming", "2000"),
        goal: Goal::StackAnd(2_000.0),
    },
    Row {
        id: "memory-polling",
        title: "memory, polling session between polls",
        work: Work::Memory("xhr-polling", "20000"),
        goal: Goal::Bytes(1_200.0),
    },
    Row {
        id: "idle-cpu",
        title: "CPU of 10,000 idle websockets at the default heartbeat",
        work: Work::IdleCpu("10000"),
        goal: Goal::Share(0.01),
    },
];

impl Row {
    pub(super) fn unit(&self) -> Unit {
        match self.work {
            Work::Echo(..) | Work::Broadcast | Work::Connects => Unit::PerCpuSecond,
            Work::Memory(..) => Unit::Bytes,
            Work::IdleCpu(_) => Unit::Share,
        }
    }

    /// Returns whether the row says anything of that server.
    pub(super) fn concerns(&self, server: Server) -> bool {
        match self.work {
            // Some are built for that, some are not, and none is ours to judge.
            Work::IdleCpu(_) => server == Server::Ours,
            _ => true,
        }
    }

    /// Returns how the generator is called, and where in its report the number is.
    pub(super) fn generator(&self, server: Server) -> (Vec<&'static str>, &'static str) {
        match self.work {
            Work::Echo(transport, arguments) => {
                let mut call = vec!["load", "echo", "--transport", over(server, transport)];
                call.extend(arguments);
                (call, "/messages/per_cpu_second")
            }
            Work::Broadcast => {
                let transport = over(server, "websocket");
                let call = vec![
                    "broadcast",
                    "broadcast",
                    "--in-flight",
                    "4",
                    "--transport",
                    transport,
                ];
                (call, "/deliveries/per_cpu_second")
            }
            Work::Connects => {
                let transport = over(server, "websocket");
                let call = vec!["connects", "echo", "--transport", transport];
                (call, "/connects/per_cpu_second")
            }
            Work::Memory(transport, sessions) => {
                let transport = over(server, transport);
                let call = vec![
                    "idle",
                    "echo",
                    "--transport",
                    transport,
                    "--sessions",
                    sessions,
                ];
                (call, "/memory_per_session")
            }
            Work::IdleCpu(sessions) => {
                // Twice the heartbeat delay, and so two heartbeats.
                let call = vec!["idle", "echo", "--sessions", sessions, "--hold", "50"];
                (call, "/held/cpu_share")
            }
        }
    }
}

/// The stack alone has no SockJS framing: text comes back as it is.
fn over(server: Server, transport: &'static str) -> &'static str {
    match (server, transport) {
        (Server::Stack, "websocket") => "raw-websocket",
        _ => transport,
    }
}

impl Unit {
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::PerCpuSecond => thousands(value),
            Self::Bytes => bytes(value),
            Self::Share => format!("{:.2} %", value * 100.0),
        }
    }
}

impl Goal {
    pub(super) fn show(self) -> String {
        match self {
            Self::OfStack(share) => format!("≥ {share:.2}"),
            Self::Bytes(limit) => format!("≤ {}", bytes(limit)),
            Self::StackAnd(more) => format!("≤ the stack + {}", bytes(more)),
            Self::Share(share) => format!("≤ {:.0} %", share * 100.0),
        }
    }

    /// Returns whether `ours` is enough, if that can be said.
    pub(super) fn is_met(self, ours: f64, stack: Option<f64>, ratio: Option<f64>) -> Option<bool> {
        match self {
            Self::OfStack(share) => Some(ratio? >= share),
            Self::Bytes(limit) | Self::Share(limit) => Some(ours <= limit),
            Self::StackAnd(more) => Some(ours <= stack? + more),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique() {
        let mut ids: Vec<_> = ROWS.iter().map(|row| row.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), ROWS.len());
    }

    #[test]
    fn goals_are_met_at_their_limit() {
        assert_eq!(
            Goal::OfStack(0.9).is_met(90.0, Some(100.0), Some(0.9)),
            Some(true)
        );
        assert_eq!(
            Goal::OfStack(0.9).is_met(89.0, Some(100.0), Some(0.89)),
            Some(false)
        );
        assert_eq!(Goal::OfStack(0.9).is_met(90.0, None, None), None);
        assert_eq!(Goal::Bytes(8e3).is_met(8e3, None, None), Some(true));
        assert_eq!(Goal::StackAnd(2e3).is_met(8e3, Some(6e3), None), Some(true));
        assert_eq!(
            Goal::StackAnd(2e3).is_met(8e3, Some(5e3), None),
            Some(false)
        );
        assert_eq!(Goal::Share(0.01).is_met(0.02, None, None), Some(false));
    }
}
