use std::sync::atomic::{AtomicUsize, Ordering};

/// The bodies of send requests without a session.
#[derive(Debug, Default)]
pub(super) struct Strays {
    /// How many bytes they take.
    held: AtomicUsize,
}

impl Strays {
    /// Enters a body. All bodies may take `budget` bytes.
    pub(super) fn enter(&self, budget: usize) -> Stray<'_> {
        Stray {
            all: &self.held,
            budget,
            held: 0,
        }
    }
}

/// The body of one send request without a session, until it is dropped.
#[derive(Debug)]
pub(crate) struct Stray<'a> {
    all: &'a AtomicUsize,
    budget: usize,
    held: usize,
}

impl Stray<'_> {
    /// Says how many bytes the body takes. Returns whether there is room for them.
    pub(crate) fn hold(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.held);
        let held = self
            .all
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |all| {
                all.checked_add(more).filter(|all| *all <= self.budget)
            });
        if held.is_ok() {
            self.held += more;
        }
        held.is_ok()
    }
}

impl Drop for Stray<'_> {
    fn drop(&mut self) {
        self.all.fetch_sub(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_share_a_budget_and_give_it_back() {
        let strays = Strays::default();
        let mut first = strays.enter(100);
        let mut second = strays.enter(100);
        assert!(first.hold(60));
        assert!(!second.hold(41));
        assert!(second.hold(40));
        assert!(!first.hold(61));
        // Nothing more than before.
        assert!(first.hold(60));

        drop(second);
        assert!(first.hold(100));
        drop(first);
        assert_eq!(strays.held.load(Ordering::Relaxed), 0);
    }
}
