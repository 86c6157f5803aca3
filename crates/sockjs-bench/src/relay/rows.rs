//! The rows of the table of relay costs.

/// What the generator does, and with which nodes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Job {
    pub(super) nodes: Nodes,
    pub(super) work: Work,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Nodes {
    /// One node without peers.
    Alone,
    /// The first of two nodes.
    First,
    /// Two nodes: a session is opened at the first, and all its other requests go through the second.
    Relayed,
    /// Three nodes, each with sessions of its own.
    Three,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Work {
    /// Echoes over a transport, with so many messages in flight.
    Echo(&'static str, &'static str),
    /// Sessions that are opened by a poll on a connection that stays, and that do not end.
    Open,
    /// The same, and as many end.
    OpenAndEnd,
    /// Streams that are opened and closed, on a connection each.
    Connect,
    /// Messages to all of 500 websockets a node, which are in a topic or not, so many in flight.
    Topic(&'static str),
    Broadcast(&'static str),
}

/// One job compared with another one.
#[derive(Debug)]
pub(super) struct Row {
    /// The name for the command line.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) job: Job,
    pub(super) base_title: &'static str,
    pub(super) base: Job,
    /// What the job is to reach of the other, if anything.
    pub(super) goal: Option<f64>,
}

impl Row {
    const fn relayed(id: &'static str, title: &'static str, work: Work, goal: Option<f64>) -> Self {
        Self {
            id,
            title,
            job: Nodes::Relayed.job(work),
            base_title: "at the owner",
            base: Nodes::First.job(work),
            goal,
        }
    }

    const fn peers(id: &'static str, title: &'static str, work: Work, goal: Option<f64>) -> Self {
        Self {
            id,
            title,
            job: Nodes::First.job(work),
            base_title: "without peers",
            base: Nodes::Alone.job(work),
            goal,
        }
    }

    const fn topic(id: &'static str, title: &'static str, in_flight: &'static str) -> Self {
        Self {
            id,
            title,
            job: Nodes::Three.job(Work::Topic(in_flight)),
            base_title: "broadcast to 500, without peers",
            base: Nodes::Alone.job(Work::Broadcast(in_flight)),
            goal: Some(0.95),
        }
    }
}

const POLLING: Work = Work::Echo("xhr-polling", "1");
const STREAMING: Work = Work::Echo("xhr-streaming", "1");
const STREAMING_16: Work = Work::Echo("xhr-streaming", "16");
const WEBSOCKET: Work = Work::Echo("websocket", "1");
const WEBSOCKET_16: Work = Work::Echo("websocket", "16");

/// Rows that share a job stand together, because it is measured once a round.
#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    Row::relayed("polling", "xhr polling echo, relayed", POLLING, Some(0.30)),
    Row::peers("polling-peers", "xhr polling echo, with peers", POLLING, Some(0.98)),
    Row::relayed("streaming", "xhr_streaming echo, relayed", STREAMING, None),
    Row::peers("streaming-peers", "xhr_streaming echo, with peers", STREAMING, Some(0.98)),
    Row::relayed("streaming-16", "xhr_streaming echo, 16 in flight, relayed", STREAMING_16, None),
    Row::peers("websocket-peers", "websocket echo, with peers", WEBSOCKET, Some(0.98)),
    Row::peers("websocket-16-peers", "websocket echo, 16 in flight, with peers", WEBSOCKET_16, Some(0.98)),
    Row::peers("open", "session opened by a poll, with a claim", Work::Open, Some(0.75)),
    Row::peers("open-and-end", "session opened by a poll, and ended", Work::OpenAndEnd, None),
    Row::peers("connect", "xhr_streaming opened on a new connection, with a claim", Work::Connect, None),
    Row::topic("topic", "topic of 500 websockets on each of three nodes, deliveries", "1"),
    Row::topic("topic-4", "the same, 4 messages in flight", "4"),
];

/// Returns each job once, in the order of the rows.
pub(super) fn jobs(rows: &[&Row]) -> Vec<Job> {
    let mut jobs = Vec::new();
    for job in rows.iter().flat_map(|row| [row.job, row.base]) {
        if !jobs.contains(&job) {
            jobs.push(job);
        }
    }
    jobs
}

impl Nodes {
    const fn job(self, work: Work) -> Job {
        Job { nodes: self, work }
    }
}

impl Job {
    pub(super) fn title(self) -> &'static str {
        let mut titles = ROWS.iter().flat_map(|row| {
            [
                (row.job == self).then_some(row.title),
                (row.base == self).then_some(row.base_title),
            ]
        });
        titles.find_map(|title| title).unwrap_or_default()
    }
}

impl Work {
    /// Returns the command of the generator, its mount, its arguments, and where in its report the number
    /// is.
    pub(super) fn call(self) -> (&'static str, &'static str, Vec<&'static str>, &'static str) {
        match self {
            Self::Echo(transport, in_flight) => {
                let arguments = vec!["--transport", transport, "--in-flight", in_flight];
                ("load", "echo", arguments, "/messages/per_cpu_second")
            }
            Self::Open | Self::OpenAndEnd => (
                "connects",
                "echo",
                vec!["--reuse"],
                "/connects/per_cpu_second",
            ),
            Self::Connect => {
                let arguments = vec!["--transport", "xhr-streaming"];
                ("connects", "echo", arguments, "/connects/per_cpu_second")
            }
            Self::Topic(in_flight) => {
                let arguments = vec!["--in-flight", in_flight, "--join"];
                (
                    "broadcast",
                    "topics",
                    arguments,
                    "/deliveries/per_cpu_second",
                )
            }
            Self::Broadcast(in_flight) => {
                let arguments = vec!["--in-flight", in_flight];
                let place = "/deliveries/per_cpu_second";
                ("broadcast", "broadcast", arguments, place)
            }
        }
    }

    /// Returns for how many seconds sessions live that nobody polls. Where they are opened all the time,
    /// as many must end.
    pub(super) fn disconnect_delay(self) -> f64 {
        match self {
            Self::OpenAndEnd | Self::Connect => 1.0,
            Self::Open | Self::Echo(..) | Self::Topic(_) | Self::Broadcast(_) => 600.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_done_once() {
        let jobs = jobs(&ROWS.iter().collect::<Vec<_>>());
        assert!(jobs.len() < 2 * ROWS.len());
        for (i, job) in jobs.iter().enumerate() {
            assert!(!jobs[i + 1..].contains(job), "{job:?}");
            assert!(!job.title().is_empty(), "{job:?}");
        }
    }
}
