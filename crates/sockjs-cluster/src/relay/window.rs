use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::store::NodeId;

/// Which numbered messages of which nodes have arrived, so that a message that somebody recorded is not
/// taken a second time.
///
/// Each node numbers its messages. They may overtake each other by less than [`SPAN`] numbers.
#[derive(Debug, Default)]
pub(crate) struct Arrivals(Mutex<HashMap<NodeId, Window>>);

#[derive(Debug)]
struct Window {
    /// The highest number that has arrived.
    top: u64,
    /// Bit `n % SPAN` tells whether the number `n` has arrived, for the last `SPAN` numbers.
    bits: Box<[u64]>,
    /// When the last message was sent, on the clock of the sender.
    last: u64,
}

impl Arrivals {
    /// Takes a message, unless it has arrived before or is too late. `sent_at` must be within
    /// [`LATITUDE`] of `now`. The caller has authenticated the sender.
    pub(crate) fn take(&self, from: NodeId, number: u64, sent_at: u64, now: u64) -> bool {
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(window) = senders.get_mut(&from) {
            window.last = window.last.max(sent_at);
            return window.take(number);
        }
        if senders.len() >= MAX_SENDERS {
            // Whatever they sent is too old to be taken again.
            let silence = 2 * LATITUDE.as_millis() as u64;
            senders.retain(|_, it| it.last.saturating_add(silence) >= now);
            if senders.len() >= MAX_SENDERS {
                return false;
            }
        }
        let mut window = Window::new(number, sent_at);
        let taken = window.take(number);
        senders.insert(from, window);
        taken
    }
}

impl Window {
    fn new(first: u64, sent_at: u64) -> Self {
        Self {
            top: first,
            bits: vec![0; (SPAN / 64) as usize].into(),
            last: sent_at,
        }
    }

    fn take(&mut self, number: u64) -> bool {
        if number > self.top {
            let skipped = (number - self.top).min(SPAN);
            for step in 0..skipped {
                let (word, bit) = place(number - step);
                self.bits[word] &= !bit;
            }
            self.top = number;
        } else if self.top - number >= SPAN {
            return false;
        }
        let (word, bit) = place(number);
        let is_new = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        is_new
    }
}

fn place(number: u64) -> (usize, u64) {
    let bit = number % SPAN;
    ((bit / 64) as usize, 1 << (bit % 64))
}

/// Returns whether two clocks agree well enough.
pub(crate) fn is_timely(sent_at: u64, now: u64) -> bool {
    sent_at.abs_diff(now) <= LATITUDE.as_millis() as u64
}

/// How far the clocks of two nodes may differ.
pub(crate) const LATITUDE: Duration = Duration::from_secs(30);

const SPAN: u64 = 1 << 16;

/// How many nodes are remembered: 8 KiB each.
const MAX_SENDERS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId([1; 16]);
    const B: NodeId = NodeId([2; 16]);

    #[test]
    fn each_number_is_taken_once() {
        let arrivals = Arrivals::default();
        for number in [5, 7, 6, 5 + SPAN - 1, 8] {
            assert!(arrivals.take(A, number, 0, 0), "{number}");
            assert!(!arrivals.take(A, number, 0, 0), "{number}");
        }
        assert!(arrivals.take(B, 5, 0, 0), "each node has its own numbers");
    }

    #[test]
    fn number_below_the_window_is_refused() {
        let arrivals = Arrivals::default();
        assert!(arrivals.take(A, SPAN + 5, 0, 0));
        assert!(arrivals.take(A, 6, 0, 0));
        assert!(!arrivals.take(A, 5, 0, 0));
        assert!(arrivals.take(A, u64::MAX, 0, 0), "any number may follow");
        assert!(!arrivals.take(A, SPAN + 6, 0, 0));
        assert!(arrivals.take(A, u64::MAX - 1, 0, 0));
    }

    /// Limit: nodes whose messages are numbered.
    #[test]
    fn silent_nodes_make_room() {
        let arrivals = Arrivals::default();
        let node = |n: usize| {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&n.to_le_bytes());
            NodeId(id)
        };
        for n in 0..MAX_SENDERS {
            assert!(arrivals.take(node(n), 1, 1_000, 1_000));
        }
        assert!(!arrivals.take(A, 1, 1_000, 1_000));
        assert!(arrivals.take(A, 1, 62_000, 62_000));
        assert!(arrivals.0.lock().unwrap().len() == 1);
    }
}
