//! What a row has the generator do, and what its numbers are.

use std::time::Duration;

use crate::children::{Server, Threads};
use crate::report::{bytes, microseconds, thousands};
use crate::target::Scheme;

/// What a generator does with a server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    /// Echoes over a transport, with these arguments of `load`.
    Echo(&'static str, &'static [&'static str]),
    /// One of the two numbers that `latency` reports, of websockets.
    Latency(&'static str),
    Broadcast,
    /// A broadcast to 500 of so many websockets and 500 more.
    Topic(&'static str),
    Connects,
    /// The memory of idle sessions, with these arguments of `idle`.
    Memory(&'static str, &'static [&'static str]),
    /// The processor time of so many idle websockets.
    IdleCpu(&'static str),
}

/// How the server is reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    /// HTTP/1.1 and one thread.
    Plain,
    Http2,
    Tls,
    TwoThreads,
}

/// What the numbers of a row are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unit {
    PerCpuSecond,
    Milliseconds,
    Bytes,
    Share,
}

/// How the generator is called, and where in its report the number is.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) command: &'static str,
    pub(super) mount: &'static str,
    pub(super) arguments: Vec<&'static str>,
    pub(super) place: &'static str,
}

impl Work {
    pub(super) fn unit(self) -> Unit {
        match self {
            Self::Echo(..) | Self::Broadcast | Self::Topic(_) | Self::Connects => {
                Unit::PerCpuSecond
            }
            Self::Latency(_) => Unit::Milliseconds,
            Self::Memory(..) => Unit::Bytes,
            Self::IdleCpu(_) => Unit::Share,
        }
    }

    /// Returns whether it says anything of that server.
    pub(super) fn concerns(self, server: Server) -> bool {
        match self {
            // Some are built for that, some are not, and none is ours to judge.
            Self::IdleCpu(_) => server == Server::Ours,
            Self::Echo(transport, _) | Self::Memory(transport, _) => {
                server.speaks_sockjs() || transport == "raw-websocket"
            }
            _ => server.speaks_sockjs(),
        }
    }

    pub(super) fn call(self, server: Server) -> Call {
        let websocket = over(server, "websocket");
        let call = |command, mount, arguments: &[&'static str], place| Call {
            command,
            mount,
            arguments: arguments.to_vec(),
            place,
        };
        match self {
            Self::Echo(transport, more) => {
                let arguments = [&["--transport", over(server, transport)], more].concat();
                call("load", "echo", &arguments, "/messages/per_cpu_second")
            }
            Self::Latency(place) => call("latency", "echo", &["--transport", websocket], place),
            Self::Broadcast => {
                let arguments = ["--in-flight", "4", "--transport", websocket];
                let place = "/deliveries/per_cpu_second";
                call("broadcast", "broadcast", &arguments, place)
            }
            Self::Topic(bystanders) => {
                let sessions = ["--join", "--bystanders", bystanders];
                let arguments = [
                    &sessions[..],
                    &["--in-flight", "4", "--transport", websocket],
                ];
                let place = "/deliveries/per_cpu_second";
                call("broadcast", "topics", &arguments.concat(), place)
            }
            Self::Connects => {
                // The frame that opens a session is a write and a packet, so the stack sends one too.
                let mount = match server {
                    Server::Stack => "greeted",
                    _ => "echo",
                };
                let arguments = ["--transport", "websocket"];
                call("connects", mount, &arguments, "/connects/per_cpu_second")
            }
            Self::Memory(transport, more) => {
                let arguments = [&["--transport", over(server, transport)], more].concat();
                call("idle", "echo", &arguments, "/memory_per_session")
            }
            Self::IdleCpu(sessions) => {
                // Twice the heartbeat delay, and so two heartbeats.
                let arguments = ["--sessions", sessions, "--hold", "50"];
                call("idle", "echo", &arguments, "/held/cpu_share")
            }
        }
    }

    /// Returns about how long a measurement takes beyond what `--warmup` and `--seconds` say.
    pub(super) fn overhead(self, server: Server) -> Duration {
        let slow = !server.is_built_in();
        Duration::from_secs_f64(match self {
            Self::Echo(..) | Self::Connects | Self::Broadcast => 0.5,
            Self::Latency(_) => 0.8,
            Self::Topic(_) if slow => 5.0,
            Self::Topic(_) => 1.5,
            Self::Memory(_, more) if more.contains(&"--burst") && slow => 9.0,
            Self::Memory(_, more) if more.contains(&"--burst") => 4.0,
            Self::Memory("xhr-polling", _) if slow => 6.0,
            Self::Memory(..) => 2.5,
            Self::IdleCpu(_) => 53.0,
        })
    }
}

/// The stack alone has no SockJS framing: text comes back as it is.
fn over(server: Server, transport: &'static str) -> &'static str {
    match (server, transport) {
        (Server::Stack, "websocket") => "raw-websocket",
        _ => transport,
    }
}

impl Way {
    pub(super) fn scheme(self) -> Scheme {
        match self {
            Self::Plain | Self::TwoThreads => Scheme::Http,
            Self::Http2 => Scheme::Http2,
            Self::Tls => Scheme::Https,
        }
    }

    pub(super) fn threads(self) -> Threads {
        match self {
            Self::TwoThreads => Threads::Two,
            Self::Plain | Self::Http2 | Self::Tls => Threads::One,
        }
    }
}

impl Unit {
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::PerCpuSecond => thousands(value),
            Self::Milliseconds => microseconds(value * 1000.0),
            Self::Bytes => bytes(value),
            Self::Share => format!("{:.2} %", value * 100.0),
        }
    }

    /// Returns in how many of the rounds it is measured. What an idle session costs is hardly a matter of
    /// chance, and takes long to see.
    pub(super) fn rounds(self, rounds: usize) -> usize {
        match self {
            Self::PerCpuSecond | Self::Milliseconds => rounds,
            Self::Bytes => rounds.min(3),
            Self::Share => rounds.min(1),
        }
    }
}
