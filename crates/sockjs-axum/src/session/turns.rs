use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

/// The send requests of one session: one at a time has its turn, and a few may wait for theirs.
#[derive(Debug)]
pub(crate) struct Turns {
    turn: Semaphore,
    /// How many places are taken.
    places: AtomicUsize,
}

/// The turn of one request, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    _turn: SemaphorePermit<'a>,
    /// Missing where there was nothing to wait for.
    _place: Option<Place<'a>>,
}

/// Where one request waits, until it is dropped.
#[derive(Debug)]
struct Place<'a>(&'a AtomicUsize);

impl Turns {
    pub(crate) fn new() -> Self {
        Self {
            turn: Semaphore::new(1),
            places: AtomicUsize::new(0),
        }
    }

    /// Waits for a turn; `None` if too many wait. In the order of the calls.
    pub(crate) async fn take(&self) -> Option<Turn<'_>> {
        if let Ok(turn) = self.turn.try_acquire() {
            return Some(Turn {
                _turn: turn,
                _place: None,
            });
        }
        let place = Place::take(&self.places)?;
        let turn = self.turn.acquire().await.ok()?;
        Some(Turn {
            _turn: turn,
            _place: Some(place),
        })
    }
}

impl<'a> Place<'a> {
    fn take(places: &'a AtomicUsize) -> Option<Self> {
        places
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
                (taken < MAX_PLACES).then_some(taken + 1)
            })
            .ok()?;
        Some(Self(places))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many send requests of a session may wait behind one. A client has one at a time; whose
/// requests pile up does so to hold connections, which cannot tell that they were left while their
/// bodies are not read.
const MAX_PLACES: usize = 15;
