//! The table "Whom to wake" of the contract: a call that is not in a row ends no wait of that row.

use proptest::prelude::*;

use super::trial::{Call, Trial, any_script};
use super::*;

/// Those who may wait for something of a session, and the names of the calls that may end their waits.
#[derive(Debug)]
struct Table {
    receiver: Vec<String>,
    application: Vec<String>,
    payload: Vec<String>,
    sender: Vec<String>,
    timer: Vec<String>,
}

impl Table {
    /// Reads the last column of the table in the docs.
    fn read() -> Self {
        let source = include_str!("../mod.rs");
        let rows = source
            .lines()
            .skip_while(|line| !line.contains("| Who waits |"))
            .skip(2)
            .take_while(|line| line.starts_with("/// |"));
        let mut calls = rows.map(|row| {
            let cell = row.trim_end_matches(" |").rsplit(" | ").next();
            let names = cell.unwrap_or_default().split(", ");
            names.map(|it| it.trim_matches('`').to_owned()).collect()
        });
        let mut next = || calls.next().expect("the table has five rows");
        Self {
            receiver: next(),
            application: next(),
            payload: next(),
            sender: next(),
            timer: next(),
        }
    }
}

/// What a driver can see of a session.
#[derive(Debug)]
struct View {
    has_frame: bool,
    has_messages: bool,
    has_room: bool,
    unsent: usize,
    state: SessionState,
    timeout: Option<Instant>,
}

impl View {
    fn of(session: &Session) -> Self {
        Self {
            has_frame: session.has_frame(),
            has_messages: session.has_messages(),
            has_room: session.has_room(),
            unsent: session.unsent(),
            state: session.state(),
            timeout: session.poll_timeout(),
        }
    }

    fn wakes_receiver(&self) -> bool {
        self.has_frame || self.state == SessionState::Closed
    }

    fn wakes_application(&self) -> bool {
        self.has_messages || self.state == SessionState::Closed
    }

    fn wakes_payload(&self) -> bool {
        self.has_room || self.state != SessionState::Open
    }

    fn is_closing(&self) -> bool {
        matches!(self.state, SessionState::Closing | SessionState::Closed)
    }
}

fn names(call: &Call) -> &'static [&'static str] {
    match call {
        Call::Wait(_) => &[],
        Call::Attach => &["attach"],
        Call::Detach => &["handle_complete", "handle_released"],
        Call::Complete => &["handle_complete"],
        Call::Released => &["handle_released"],
        Call::Lost => &["handle_lost"],
        Call::Payload(_) => &["handle_payload"],
        Call::Alive => &["handle_alive"],
        Call::Progress => &["handle_progress"],
        Call::Blocked => &["handle_blocked"],
        Call::Flushed => &["handle_flushed"],
        Call::Timeout(_) => &["handle_timeout"],
        Call::Send(_) => &["send"],
        Call::Discard => &["discard_messages"],
        Call::Close(_) => &["close"],
        Call::Abort(_) => &["abort"],
        Call::Frame => &["poll_frame"],
        Call::Event => &["poll_event"],
        Call::Batch => &["poll_batch"],
        Call::BatchTaken => &["handle_batch_taken"],
    }
}

proptest! {
    #[test]
    fn only_the_calls_of_a_row_end_its_waits((config, calls) in any_script()) {
        let table = Table::read();
        let mut trial = Trial::new(config);
        for call in &calls {
            let before = View::of(&trial.bench.session);
            trial.call(call);
            let after = View::of(&trial.bench.session);
            let is_earlier = match (after.timeout, before.timeout) {
                (Some(after), Some(before)) => after < before,
                (after, None) => after.is_some(),
                (None, Some(_)) => false,
            };
            for (is_over, row) in [
                (!before.wakes_receiver() && after.wakes_receiver(), &table.receiver),
                (!before.wakes_application() && after.wakes_application(), &table.application),
                (!before.wakes_payload() && after.wakes_payload(), &table.payload),
                (
                    !before.is_closing() && (after.is_closing() || after.unsent < before.unsent),
                    &table.sender,
                ),
                (is_earlier, &table.timer),
            ] {
                let is_listed = names(call).iter().any(|name| row.iter().any(|it| it == name));
                prop_assert!(!is_over || is_listed, "{call:?} is not in {row:?}");
            }
        }
    }
}
