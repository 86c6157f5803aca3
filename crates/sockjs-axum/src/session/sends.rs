use std::collections::VecDeque;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

use tokio::sync::Semaphore;

use crate::sync::{Mutex, MutexGuard};

/// The send requests of a session.
#[derive(Debug)]
pub(super) struct Sends {
    intake: Mutex<Intake>,
    /// The request whose payload is delivered next has the permit.
    pub(super) turn: Semaphore,
    /// Closed when the session is over.
    pub(super) ended: Semaphore,
}

impl Default for Sends {
    fn default() -> Self {
        Self {
            intake: Mutex::default(),
            turn: Semaphore::new(1),
            ended: Semaphore::new(0),
        }
    }
}

impl Sends {
    /// Ends all requests, because the session is over.
    pub(super) fn end(&self) {
        self.ended.close();
        self.turn.close();
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Intake> {
        self.intake.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the bodies of a session's send requests take.
#[derive(Debug, Default)]
pub(super) struct Intake {
    /// How many requests there are.
    pub(super) entered: usize,
    /// How many bytes their bodies take.
    pub(super) held: usize,
    /// Whether a request reads its body above the budget.
    pub(super) is_led: bool,
    /// The requests that wait, in their order.
    waiting: VecDeque<Waiting>,
    next_ticket: u64,
}

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    waker: Waker,
}

#[derive(Debug, Eq, PartialEq)]
pub(super) struct Admitted {
    pub(super) leads: bool,
}

impl Intake {
    /// Forgets a request that waits.
    pub(super) fn forget(&mut self, ticket: u64) {
        self.waiting.retain(|waiting| waiting.ticket != ticket);
    }

    #[cfg(test)]
    pub(super) fn waiting_capacity(&self) -> usize {
        self.waiting.capacity()
    }

    /// Returns whether a new request may read without waiting, and without being the one above the budget.
    pub(super) fn is_free(&self, budget: usize) -> bool {
        self.waiting.is_empty() && self.held < budget
    }

    /// Waits until a request may read the next part of its body. `ticket` is its place among those
    /// that wait, if it does.
    pub(super) fn poll_admit(
        &mut self,
        ticket: &mut Option<u64>,
        budget: usize,
        cx: &Context<'_>,
    ) -> Poll<Admitted> {
        let is_next = match (*ticket, self.waiting.front()) {
            (Some(ticket), Some(first)) => first.ticket == ticket,
            (None, first) => first.is_none(),
            (Some(_), None) => false,
        };
        let is_spent = self.held >= budget;
        if is_next && !(is_spent && self.is_led) {
            if ticket.take().is_some() {
                self.waiting.pop_front();
            }
            self.is_led |= is_spent;
            return Poll::Ready(Admitted { leads: is_spent });
        }
        match *ticket {
            Some(ticket) => {
                let mut waiting = self.waiting.iter_mut();
                if let Some(waiting) = waiting.find(|waiting| waiting.ticket == ticket) {
                    waiting.waker.clone_from(cx.waker());
                }
            }
            None => {
                *ticket = Some(self.next_ticket);
                self.waiting.push_back(Waiting {
                    ticket: self.next_ticket,
                    waker: cx.waker().clone(),
                });
                self.next_ticket += 1;
            }
        }
        Poll::Pending
    }
}

/// Unlocks, and lets the first request that waits look again.
pub(super) fn wake(mut intake: MutexGuard<'_, Intake>) {
    if intake.waiting.is_empty() {
        if intake.waiting.capacity() > 0 {
            // A session that was busy keeps no more memory than an idle one.
            intake.waiting = VecDeque::new();
        }
        return;
    }
    let waker = intake.waiting.front().map(|first| first.waker.clone());
    drop(intake);
    if let Some(waker) = waker {
        waker.wake();
    }
}
