//! The rows of the comparison.

use super::goal::Goal;
use super::work::{Way, Work};
use crate::children::Server;

#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// How `--rows` calls it.
    pub(super) id: &'static str,
    /// The heading of the table that has it.
    pub(super) group: &'static str,
    pub(super) title: &'static str,
    pub(super) way: Way,
    pub(super) work: Work,
    pub(super) goal: Goal,
}

impl Row {
    /// Returns whether the row says anything of that server.
    pub(super) fn concerns(&self, server: Server) -> bool {
        self.work.concerns(server) && (self.way == Way::Plain || server.is_built_in())
    }
}

const ECHOES: &str = "Echoes";
pub(super) const RAW: &str = "WebSockets without SockJS";
const MANY: &str = "Messages to many, and connects";
const WAYS: &str = "HTTP/2, TLS and two threads";
const LATENCY: &str = "Latency of websocket echoes at half of the greatest load";
const IDLE: &str = "Idle sessions";

const SIXTEEN: &[&str] = &["--in-flight", "16"];
const JSON: &[&str] = &["--in-flight", "4", "--size", "256", "--content", "json"];
const MEBIBYTE: &[&str] = &["--size", "1048576", "--sessions", "4"];
const TWO_THOUSAND: &[&str] = &["--sessions", "2000"];
const BURST: &[&str] = &["--sessions", "500", "--burst", "524288"];

pub(super) const ROWS: &[Row] = &[
    Row {
        id: "websocket",
        group: ECHOES,
        title: "websocket, 1 in flight",
        way: Way::Plain,
        work: Work::Echo("websocket", &[]),
        goal: Goal::OfStack(1.0),
    },
    Row {
        id: "websocket-16",
        group: ECHOES,
        title: "websocket, 16 in flight",
        way: Way::Plain,
        work: Work::Echo("websocket", SIXTEEN),
        goal: Goal::OfStack(0.95),
    },
    Row {
        id: "websocket-json",
        group: ECHOES,
        title: "websocket, 256 bytes of quote-heavy JSON, 4 in flight",
        way: Way::Plain,
        work: Work::Echo("websocket", JSON),
        goal: Goal::OfStack(0.75),
    },
    Row {
        id: "xhr-streaming",
        group: ECHOES,
        title: "xhr_streaming, 1 in flight",
        way: Way::Plain,
        work: Work::Echo("xhr-streaming", &[]),
        goal: Goal::OfStack(0.97),
    },
    Row {
        id: "xhr-streaming-16",
        group: ECHOES,
        title: "xhr_streaming, 16 in flight",
        way: Way::Plain,
        work: Work::Echo("xhr-streaming", SIXTEEN),
        goal: Goal::OfStack(0.85),
    },
    Row {
        id: "eventsource",
        group: ECHOES,
        title: "eventsource, 1 in flight",
        way: Way::Plain,
        work: Work::Echo("eventsource", &[]),
        goal: Goal::OfStack(0.97),
    },
    Row {
        id: "xhr-polling",
        group: ECHOES,
        title: "xhr polling, 1 in flight",
        way: Way::Plain,
        work: Work::Echo("xhr-polling", &[]),
        goal: Goal::OfStack(0.95),
    },
    Row {
        id: "large-16k",
        group: ECHOES,
        title: "websocket, messages of 16 KiB",
        way: Way::Plain,
        work: Work::Echo("websocket", &["--size", "16384"]),
        goal: Goal::None,
    },
    Row {
        id: "large-1m",
        group: ECHOES,
        title: "websocket, messages of 1 MiB, 4 sessions",
        way: Way::Plain,
        work: Work::Echo("websocket", MEBIBYTE),
        goal: Goal::None,
    },
    Row {
        id: "raw-websocket",
        group: RAW,
        title: "echo, 1 in flight",
        way: Way::Plain,
        work: Work::Echo("raw-websocket", &[]),
        goal: Goal::OfStack(1.0),
    },
    Row {
        id: "raw-websocket-16",
        group: RAW,
        title: "echo, 16 in flight",
        way: Way::Plain,
        work: Work::Echo("raw-websocket", SIXTEEN),
        goal: Goal::None,
    },
    Row {
        id: "memory-raw-websocket",
        group: RAW,
        title: "memory, idle",
        way: Way::Plain,
        work: Work::Memory("raw-websocket", TWO_THOUSAND),
        goal: Goal::None,
    },
    Row {
        id: "broadcast",
        group: MANY,
        title: "broadcast to 500 websockets, 4 in flight, deliveries",
        way: Way::Plain,
        work: Work::Broadcast,
        goal: Goal::OfStack(1.0),
    },
    Row {
        id: "topic",
        group: MANY,
        title: "topic with 500 of 10,000 websockets, 4 in flight, deliveries",
        way: Way::Plain,
        work: Work::Topic("9500"),
        goal: Goal::None,
    },
    Row {
        id: "connects",
        group: MANY,
        title: "websocket connects",
        way: Way::Plain,
        work: Work::Connects,
        goal: Goal::OfStack(0.90),
    },
    Row {
        id: "http2-xhr-streaming",
        group: WAYS,
        title: "HTTP/2, xhr_streaming, 1 in flight",
        way: Way::Http2,
        work: Work::Echo("xhr-streaming", &[]),
        goal: Goal::None,
    },
    Row {
        id: "http2-xhr-streaming-16",
        group: WAYS,
        title: "HTTP/2, xhr_streaming, 16 in flight",
        way: Way::Http2,
        work: Work::Echo("xhr-streaming", SIXTEEN),
        goal: Goal::None,
    },
    Row {
        id: "tls-websocket",
        group: WAYS,
        title: "TLS, websocket, 1 in flight",
        way: Way::Tls,
        work: Work::Echo("websocket", &[]),
        goal: Goal::None,
    },
    Row {
        id: "tls-websocket-16",
        group: WAYS,
        title: "TLS, websocket, 16 in flight",
        way: Way::Tls,
        work: Work::Echo("websocket", SIXTEEN),
        goal: Goal::None,
    },
    Row {
        id: "tls-connects",
        group: WAYS,
        title: "TLS, websocket connects",
        way: Way::Tls,
        work: Work::Connects,
        goal: Goal::None,
    },
    Row {
        id: "threads-websocket",
        group: WAYS,
        title: "two threads, websocket, 1 in flight",
        way: Way::TwoThreads,
        work: Work::Echo("websocket", &[]),
        goal: Goal::None,
    },
    Row {
        id: "threads-websocket-16",
        group: WAYS,
        title: "two threads, websocket, 16 in flight",
        way: Way::TwoThreads,
        work: Work::Echo("websocket", SIXTEEN),
        goal: Goal::None,
    },
    Row {
        id: "latency-p50",
        group: LATENCY,
        title: "half of them take no longer than",
        way: Way::Plain,
        work: Work::Latency("/latency/p50_ms"),
        goal: Goal::None,
    },
    Row {
        id: "latency-p99",
        group: LATENCY,
        title: "99 of 100 take no longer than",
        way: Way::Plain,
        work: Work::Latency("/latency/p99_ms"),
        goal: Goal::None,
    },
    Row {
        id: "memory-websocket",
        group: IDLE,
        title: "memory, idle websocket",
        way: Way::Plain,
        work: Work::Memory("websocket", TWO_THOUSAND),
        goal: Goal::Bytes(2_300.0),
    },
    Row {
        id: "memory-burst",
        group: IDLE,
        title: "memory, idle websocket after an echo of 512 KiB",
        way: Way::Plain,
        work: Work::Memory("websocket", BURST),
        goal: Goal::Bytes(2_300.0),
    },
    Row {
        id: "memory-xhr-streaming",
        group: IDLE,
        title: "memory, idle xhr_streaming",
        way: Way::Plain,
        work: Work::Memory("xhr-streaming", TWO_THOUSAND),
        goal: Goal::Bytes(21_858.0),
    },
    Row {
        id: "memory-http2",
        group: IDLE,
        title: "memory, idle xhr_streaming over HTTP/2",
        way: Way::Http2,
        work: Work::Memory("xhr-streaming", TWO_THOUSAND),
        goal: Goal::Bytes(4_000.0),
    },
    Row {
        id: "memory-polling",
        group: IDLE,
        title: "memory, polling session between polls",
        way: Way::Plain,
        work: Work::Memory("xhr-polling", &["--sessions", "20000"]),
        goal: Goal::Bytes(1_000.0),
    },
    Row {
        id: "idle-cpu",
        group: IDLE,
        title: "CPU of 10,000 idle websockets at the default heartbeat",
        way: Way::Plain,
        work: Work::IdleCpu("10000"),
        goal: Goal::Share(0.01),
    },
];

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
    fn servers_are_asked_only_for_what_they_have() {
        let rows = |server| ROWS.iter().filter(move |row| row.concerns(server));
        assert_eq!(rows(Server::Ours).count(), ROWS.len());
        assert!(rows(Server::Ws).all(|row| row.group == RAW));
        assert!(rows(Server::Node).all(|row| row.way == Way::Plain));
    }
}
