use std::fmt;
use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::directory::SETTLING;
use super::future::Unavailable;

/// The way to a directory: a connection `C` that may be away, and the wait after the store was found
/// empty.
pub(super) struct Gate<C>(watch::Sender<State<C>>);

struct State<C> {
    line: Option<C>,
    /// How many lines there were, so that the late failure of an old line does not close a new one.
    lines: u64,
    emptied: u64,
    settled_at: Option<Instant>,
}

/// Whether a call waits until a store that was found empty has its entries again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Pass {
    AtOnce,
    Settled,
}

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Failure {
    /// The connection is of no use any more. Another one may be.
    Broken,
    /// The store has answered that it does not do it.
    Refused,
}

/// What was found in a store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Contents {
    /// What was there before.
    Kept,
    /// Nothing of what was there before.
    Emptied,
    /// Another node has found the store empty. The owners need that much longer to write their entries again.
    Settling(Duration),
}

enum Step<C> {
    Go(C, u64),
    WaitUntil(Instant),
    Wait,
}

impl<C: Clone> Gate<C> {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(State {
            line: None,
            lines: 0,
            emptied: 0,
            settled_at: None,
        }))
    }

    /// Has calls use a new connection, and returns its number.
    pub(super) fn up(&self, line: C, contents: Contents) -> u64 {
        let mut number = 0;
        self.0.send_modify(|state| {
            state.line = Some(line);
            state.lines += 1;
            state.take_note(contents);
            number = state.lines;
        });
        number
    }

    /// Takes note of what was found in the store on a connection that is in use.
    pub(super) fn found(&self, contents: Contents) {
        if contents != Contents::Kept {
            self.0.send_modify(|state| state.take_note(contents));
        }
    }

    /// Has calls wait for another connection than that of the number `line`.
    pub(super) fn down(&self, line: u64) {
        self.0
            .send_if_modified(|state| state.lines == line && state.line.take().is_some());
    }

    /// Has calls wait for another connection.
    pub(super) fn close(&self) {
        self.0.send_if_modified(|state| state.line.take().is_some());
    }

    /// Waits until the connection of the number `line` is not in use any more.
    pub(super) async fn until_down(&self, line: u64) {
        let mut states = self.0.subscribe();
        let is_down = |state: &State<C>| state.lines != line || state.line.is_none();
        // The sender is in `self`.
        let _ = states.wait_for(is_down).await;
    }

    pub(super) async fn emptied(&self, seen: u64) -> u64 {
        let mut states = self.0.subscribe();
        let state = states.wait_for(|state| state.emptied > seen).await;
        // The sender is in `self`, so that the wait does not fail.
        let emptied = state.map(|state| state.emptied);
        emptied.unwrap_or(seen)
    }

    pub(super) fn is_up(&self) -> bool {
        self.0.borrow().line.is_some()
    }

    /// Makes attempts until one succeeds, the store refuses, or [`PATIENCE`] is over.
    pub(super) async fn call<T, F>(
        &self,
        pass: Pass,
        attempt: impl Fn(C) -> F + Send,
    ) -> Result<T, Unavailable>
    where
        C: Send + Sync,
        F: Future<Output = Result<T, Failure>> + Send,
    {
        let mut states = self.0.subscribe();
        let start = Instant::now();
        let mut give_up = start + PATIENCE;
        loop {
            let step = states.borrow_and_update().step(pass);
            match step {
                Step::Go(connection, line) => {
                    let now = Instant::now();
                    if now >= give_up {
                        return Err(Unavailable);
                    }
                    let silence = now + ANSWER_TIMEOUT;
                    match timeout_at(silence.min(give_up), attempt(connection)).await {
                        Ok(Ok(answer)) => return Ok(answer),
                        Ok(Err(Failure::Refused)) => return Err(Unavailable),
                        Ok(Err(Failure::Broken)) => self.down(line),
                        // An answer may come later. Nobody can tell to which command it is, if the
                        // connection is used on.
                        Err(_) if Instant::now() >= silence => self.down(line),
                        Err(_) => return Err(Unavailable),
                    }
                }
                Step::WaitUntil(settled_at) => {
                    give_up = start + PATIENCE + SETTLING;
                    if Instant::now() >= give_up {
                        return Err(Unavailable);
                    }
                    let _ = timeout_at(settled_at.min(give_up), states.changed()).await;
                }
                Step::Wait => {
                    let change = timeout_at(give_up, states.changed()).await;
                    change.map_err(|_| Unavailable)?.map_err(|_| Unavailable)?;
                }
            }
        }
    }
}

impl<C: Clone> State<C> {
    fn step(&self, pass: Pass) -> Step<C> {
        let Some(line) = &self.line else {
            return Step::Wait;
        };
        match self.settled_at {
            Some(settled_at) if pass == Pass::Settled && Instant::now() < settled_at => {
                Step::WaitUntil(settled_at)
            }
            _ => Step::Go(line.clone(), self.lines),
        }
    }

    fn take_note(&mut self, contents: Contents) {
        let wait = match contents {
            Contents::Kept => return,
            Contents::Emptied => {
                self.emptied += 1;
                SETTLING
            }
            Contents::Settling(rest) => rest,
        };
        self.settled_at = self.settled_at.max(Some(Instant::now() + wait));
    }
}

impl<C> fmt::Debug for Gate<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.borrow();
        f.debug_struct("Gate")
            .field("is_up", &state.line.is_some())
            .field("emptied", &state.emptied)
            .finish_non_exhaustive()
    }
}

/// For how long a call is made again and again.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// For how long one attempt waits for its answer.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
