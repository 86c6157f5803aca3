//! The effect of each input and command in each state.

use super::*;
use crate::session::state::Link;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Situation {
    Connecting,
    Open,
    /// Open, with a receiver that is complete but not released.
    Complete,
    /// Open, without a receiver.
    Alone,
    Closing,
    /// Closing, with a receiver that is complete but not released.
    ClosingComplete,
    /// Closing, without a receiver.
    ClosingAlone,
    Closed,
}

use Situation::{
    Alone, Closed, Closing, ClosingAlone, ClosingComplete, Complete, Connecting, Open,
};

const SITUATIONS: [Situation; 8] = [
    Connecting,
    Open,
    Complete,
    Alone,
    Closing,
    ClosingComplete,
    ClosingAlone,
    Closed,
];

impl Situation {
    fn bench(self) -> Bench {
        let mut bench = match self {
            Connecting => Bench::new(),
            Open | Complete | Alone | Closing | ClosingComplete | ClosingAlone | Closed => {
                Bench::open()
            }
        };
        match self {
            Connecting | Open => {}
            Complete => bench.complete(),
            Alone => bench.detach(),
            Closing => bench.close(),
            ClosingComplete => {
                bench.complete();
                bench.close();
            }
            ClosingAlone => {
                bench.detach();
                bench.close();
            }
            Closed => abort(&mut bench),
        }
        bench
    }

    fn of(bench: &Bench) -> Self {
        match &bench.session.state {
            State::Connecting { .. } => Connecting,
            State::Open(Link::Attached(_)) => Open,
            State::Open(Link::Complete { .. }) => Complete,
            State::Open(Link::Detached { .. }) => Alone,
            State::Closing { link, .. } => match link {
                Link::Attached(_) => Closing,
                Link::Complete { .. } => ClosingComplete,
                Link::Detached { .. } => ClosingAlone,
            },
            State::Closed(_) => Closed,
        }
    }
}

fn abort(bench: &mut Bench) {
    bench.session.abort(TOO_LATE, Cause::ShuttingDown);
}

const INTERRUPTED: CloseReason = CloseReason::INTERRUPTED;

type Input = fn(&mut Bench);

const ATTACH: Input = |bench| drop(bench.session.attach(bench.now));
const LOST: Input = |bench| bench.session.handle_lost();
const PAYLOAD: Input = |bench| drop(bench.post(r#"["x"]"#));
const ALIVE: Input = |bench| bench.session.handle_alive();
const PROGRESS: Input = |bench| bench.session.handle_progress(bench.now);
const DEADLINE: Input = Bench::pass_deadline;
const TIMEOUT: Input = |bench| bench.session.handle_timeout(bench.now);
const SEND: Input = |bench| drop(bench.send("x"));
const DISCARD: Input = |bench| bench.session.discard_messages();
const FRAME: Input = |bench| drop(bench.take());
const EVENT: Input = |bench| drop(bench.session.poll_event());

#[test]
fn state_transitions_match_the_diagram() {
    let table: [(&str, Input, [Situation; 8]); 17] = [
        (
            "attach",
            ATTACH,
            [Open, Open, Open, Open, Closing, Closing, Closing, Closed],
        ),
        (
            "complete",
            Bench::complete,
            [
                Connecting,
                Complete,
                Complete,
                Alone,
                ClosingComplete,
                ClosingComplete,
                ClosingAlone,
                Closed,
            ],
        ),
        (
            "released",
            Bench::release,
            [
                Connecting,
                Open,
                Alone,
                Alone,
                Closing,
                ClosingAlone,
                ClosingAlone,
                Closed,
            ],
        ),
        (
            "detach",
            Bench::detach,
            [
                Connecting,
                Alone,
                Alone,
                Alone,
                ClosingAlone,
                ClosingAlone,
                ClosingAlone,
                Closed,
            ],
        ),
        (
            "lost",
            LOST,
            [
                Connecting,
                Closed,
                Complete,
                Alone,
                Closed,
                ClosingComplete,
                ClosingAlone,
                Closed,
            ],
        ),
        ("payload", PAYLOAD, SITUATIONS),
        ("alive", ALIVE, SITUATIONS),
        ("progress", PROGRESS, SITUATIONS),
        ("flushed", Bench::flush, SITUATIONS),
        ("early timeout", TIMEOUT, SITUATIONS),
        (
            "deadline",
            DEADLINE,
            [Closed, Open, Closed, Closed, Closed, Closed, Closed, Closed],
        ),
        ("send", SEND, SITUATIONS),
        ("discard", DISCARD, SITUATIONS),
        (
            "close",
            Bench::close,
            [
                ClosingAlone,
                Closing,
                ClosingComplete,
                ClosingAlone,
                Closing,
                ClosingComplete,
                ClosingAlone,
                Closed,
            ],
        ),
        ("abort", abort, [Closed; 8]),
        (
            "frame",
            FRAME,
            [
                Connecting,
                Open,
                Complete,
                Alone,
                Closed,
                ClosingComplete,
                ClosingAlone,
                Closed,
            ],
        ),
        ("event", EVENT, SITUATIONS),
    ];
    for (name, input, after) in table {
        for (before, after) in SITUATIONS.into_iter().zip(after) {
            let mut bench = before.bench();
            input(&mut bench);
            assert_eq!(Situation::of(&bench), after, "{name} when {before:?}");
        }
    }
}

#[test]
fn receiver_inputs_do_nothing_without_a_receiver() {
    let inputs = [Bench::complete, LOST, ALIVE, PROGRESS, Bench::flush, FRAME];
    for situation in [
        Connecting,
        Complete,
        Alone,
        ClosingComplete,
        ClosingAlone,
        Closed,
    ] {
        for input in inputs {
            let mut bench = situation.bench();
            let before = bench.snapshot();
            bench.now += secs(1);
            input(&mut bench);
            assert_eq!(bench.snapshot(), before);
        }
    }
}

#[test]
fn a_closed_session_does_not_change() {
    let inputs = [ATTACH, PAYLOAD, TIMEOUT, SEND, Bench::close, abort];
    for input in inputs {
        let mut bench = Closed.bench();
        assert!(bench.session.poll_event().is_some());
        let before = bench.snapshot();
        bench.now += secs(3600);
        input(&mut bench);
        assert_eq!(bench.snapshot(), before);
    }
}

#[test]
fn a_receiver_is_attached_unless_busy_or_closed() {
    let busy = Err(AttachError::Busy);
    let closed = Err(AttachError::Closed(TOO_LATE));
    let answers = [
        Ok(()),
        busy.clone(),
        Ok(()),
        Ok(()),
        busy,
        Ok(()),
        Ok(()),
        closed,
    ];
    for (situation, answer) in SITUATIONS.into_iter().zip(answers) {
        let mut bench = situation.bench();
        assert_eq!(bench.session.attach(bench.now), answer, "{situation:?}");
    }
}

#[test]
fn payloads_are_accepted_only_while_open() {
    for situation in SITUATIONS {
        let mut bench = situation.bench();
        let answer = bench.post(r#"["x"]"#);
        match situation {
            Open | Complete | Alone => {
                assert!(answer.is_ok());
                let event = Event::Message("x".into());
                assert_eq!(bench.session.poll_event(), Some(event));
            }
            Connecting | Closing | ClosingComplete | ClosingAlone | Closed => {
                assert!(
                    matches!(answer, Err(ReceiveError::NotOpen)),
                    "{situation:?}"
                );
                assert!(!bench.session.has_messages());
            }
        }
    }
}

#[test]
fn messages_are_accepted_until_the_close() {
    for situation in SITUATIONS {
        let mut bench = situation.bench();
        let answer = bench.send("x");
        match situation {
            Connecting | Open | Complete | Alone => {
                assert_eq!(answer, Ok(()), "{situation:?}");
            }
            Closing | ClosingComplete | ClosingAlone | Closed => {
                assert_eq!(answer, Err(SendError::Closed("x".into())));
                assert_eq!(bench.session.unsent(), 0);
            }
        }
    }
}

#[test]
fn each_state_has_its_deadline() {
    let config = SessionConfig::default();
    let deadlines = [
        Some(config.disconnect_delay()),
        config.heartbeat_delay(),
        Some(config.send_timeout()),
        Some(config.disconnect_delay()),
        Some(config.send_timeout()),
        Some(config.send_timeout()),
        Some(config.disconnect_delay()),
        None,
    ];
    for (situation, deadline) in SITUATIONS.into_iter().zip(deadlines) {
        assert_eq!(situation.bench().timeout(), deadline, "{situation:?}");
    }
}

#[test]
fn each_end_has_its_cause() {
    let table: [(_, Input, _, _); 15] = [
        (Connecting, abort, TOO_LATE, Cause::ShuttingDown),
        (Connecting, DEADLINE, INTERRUPTED, Cause::DisconnectTimeout),
        (Open, abort, TOO_LATE, Cause::ShuttingDown),
        (Open, LOST, INTERRUPTED, Cause::ReceiverLost),
        (Complete, abort, TOO_LATE, Cause::ShuttingDown),
        (Complete, DEADLINE, INTERRUPTED, Cause::SlowClient),
        (Alone, abort, TOO_LATE, Cause::ShuttingDown),
        (Alone, DEADLINE, INTERRUPTED, Cause::DisconnectTimeout),
        // A closing session keeps its first reason.
        (Closing, abort, GO_AWAY, Cause::ClosedByApp),
        (Closing, LOST, GO_AWAY, Cause::ClosedByApp),
        (Closing, DEADLINE, GO_AWAY, Cause::ClosedByApp),
        (Closing, FRAME, GO_AWAY, Cause::ClosedByApp),
        (ClosingComplete, DEADLINE, GO_AWAY, Cause::ClosedByApp),
        (ClosingAlone, abort, GO_AWAY, Cause::ClosedByApp),
        (ClosingAlone, DEADLINE, GO_AWAY, Cause::ClosedByApp),
    ];
    for (situation, input, reason, cause) in table {
        let mut bench = situation.bench();
        input(&mut bench);
        assert_eq!(
            (bench.reason(), bench.cause()),
            (Some(&reason), Some(cause))
        );
        let ending = bench.session.ending().cloned();
        assert_eq!(bench.session.poll_event(), ending.map(Event::Closed));
        assert_eq!(bench.session.poll_event(), None);
    }
}
