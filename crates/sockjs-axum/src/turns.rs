use tokio::sync::{Semaphore, SemaphorePermit};

/// The send requests of one session: one at a time has its turn, and a few may wait for theirs.
#[derive(Debug)]
pub(crate) struct Turns {
    turn: Semaphore,
    places: Semaphore,
}

/// The turn of one request, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    _turn: SemaphorePermit<'a>,
    /// Missing where there was nothing to wait for.
    _place: Option<SemaphorePermit<'a>>,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self {
            turn: Semaphore::new(1),
            places: Semaphore::new(MAX_PLACES),
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
        let place = self.places.try_acquire().ok()?;
        let turn = self.turn.acquire().await.ok()?;
        Some(Turn {
            _turn: turn,
            _place: Some(place),
        })
    }
}

/// How many send requests of a session may wait behind one. A client has one at a time; whose
/// requests pile up does so to hold connections, which cannot tell that they were left while their
/// bodies are not read.
const MAX_PLACES: usize = 15;
