use std::future::poll_fn;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use sockjs_core::{Cause, CloseReason, Payload, ReceiveError};
use tokio::sync::SemaphorePermit;

use super::sends::{Admitted, Sends, wake};
use super::shared::Shared;

/// The hold of send requests on their session.
///
/// The bodies of several requests are read at a time, so that no request waits for another one
/// whose body is slow. The payloads are delivered in the order in which the bodies are complete.
#[derive(Debug)]
pub(crate) struct SendQueue(Arc<Shared>);

impl SendQueue {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Enters a request; `None` if the session has `max` of them already.
    ///
    /// The bodies of all requests may take `budget` bytes of memory. One more body may be read
    /// above it, so that there is always a request that can go on.
    pub(crate) fn enter(&self, max: usize, budget: usize) -> Option<SendRequest<'_>> {
        SendRequest::enter(self.0.sends(), max, budget)
    }

    /// Waits until the receive buffer has room, or the session is not open. The caller must have the
    /// [`Turn`].
    pub(crate) async fn room(&self, _: &Turn<'_>) {
        poll_fn(|cx| self.0.poll_room(cx)).await;
    }

    /// Waits until the session is over.
    pub(crate) async fn ended(&self) {
        // There are no permits, so that only an error is possible.
        let _ = self.0.sends().ended.acquire().await;
    }

    /// Closes the session, because a limit refused messages that a page believes to be sent.
    pub(crate) fn refuse(&self, reason: CloseReason) {
        self.0.close(reason, Cause::LimitExceeded);
    }

    /// Closes the session, because messages that a page believes to be sent were lost with their
    /// connection.
    pub(crate) fn lose(&self) {
        self.0.close(CloseReason::INTERRUPTED, Cause::ReceiverLost);
    }

    /// Hands a payload to the session.
    ///
    /// # Errors
    ///
    /// If the session does not take the payload.
    pub(crate) fn post(&self, payload: Payload) -> Result<(), ReceiveError> {
        self.0.post(payload).map(|_| ())
    }
}

/// One send request of a session, until it is dropped.
#[derive(Debug)]
pub(crate) struct SendRequest<'a> {
    sends: &'a Sends,
    budget: usize,
    /// Whether the budget was free when the request came. Nearly always that decides about the whole
    /// body, because it is there in one part.
    may_begin: bool,
    /// How many bytes its body takes.
    held: usize,
    /// Whether it may read its body although the budget is spent.
    leads: bool,
    /// Its place among the requests that wait for a part of the budget.
    ticket: Option<u64>,
}

impl<'a> SendRequest<'a> {
    fn enter(sends: &'a Sends, max: usize, budget: usize) -> Option<Self> {
        let mut intake = sends.lock();
        if intake.entered >= max {
            return None;
        }
        intake.entered += 1;
        Some(Self {
            sends,
            budget,
            may_begin: intake.is_free(budget),
            held: 0,
            leads: false,
            ticket: None,
        })
    }

    /// Returns whether the next part of the body may be read without waiting.
    pub(crate) fn is_admitted(&mut self) -> bool {
        if self.leads || mem::take(&mut self.may_begin) {
            return true;
        }
        self.poll_admitted(&Context::from_waker(Waker::noop()))
            .is_ready()
    }

    /// Waits until the next part of the body may be read. The requests that wait go on in the order
    /// in which they started to wait.
    pub(crate) async fn admitted(&mut self) {
        poll_fn(|cx| self.poll_admitted(cx)).await;
    }

    fn poll_admitted(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.leads {
            return Poll::Ready(());
        }
        let mut intake = self.sends.lock();
        let admitted = intake.poll_admit(&mut self.ticket, self.budget, cx);
        let Poll::Ready(Admitted { leads }) = admitted else {
            return Poll::Pending;
        };
        self.leads = leads;
        // There may be room for more than one.
        wake(intake);
        Poll::Ready(())
    }

    /// Says how many bytes the body takes.
    pub(crate) fn hold(&mut self, bytes: usize) {
        if bytes == self.held {
            return;
        }
        let mut intake = self.sends.lock();
        intake.held = intake.held - self.held + bytes;
        self.held = bytes;
    }

    /// Waits for the turn to deliver a payload; `None` if the session is over. Turns are given in
    /// the order of the calls, one at a time.
    pub(crate) async fn turn(&self) -> Option<Turn<'a>> {
        // Nearly always nobody else has the turn. A permit that becomes free goes to those who wait.
        let permit = match self.sends.turn.try_acquire() {
            Ok(permit) => permit,
            Err(_) => self.sends.turn.acquire().await.ok()?,
        };
        Some(Turn { _permit: permit })
    }
}

impl Drop for SendRequest<'_> {
    fn drop(&mut self) {
        let mut intake = self.sends.lock();
        intake.entered -= 1;
        intake.held -= self.held;
        if self.leads {
            intake.is_led = false;
        }
        if let Some(ticket) = self.ticket {
            intake.forget(ticket);
        }
        wake(intake);
    }
}

/// The right to deliver one payload, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    _permit: SemaphorePermit<'a>,
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    /// A task that counts how often it is woken.
    #[derive(Default)]
    struct Sleeper(AtomicUsize);

    impl Wake for Sleeper {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A request and the task that it runs in.
    struct Request<'a> {
        sending: SendRequest<'a>,
        task: Arc<Sleeper>,
    }

    impl<'a> Request<'a> {
        fn enter(sends: &'a Sends) -> Self {
            Self {
                sending: SendRequest::enter(sends, 100, 10).unwrap(),
                task: Arc::default(),
            }
        }

        fn is_admitted(&mut self) -> bool {
            let waker = Waker::from(self.task.clone());
            let cx = Context::from_waker(&waker);
            self.sending.poll_admitted(&cx).is_ready()
        }

        fn is_woken(&self) -> bool {
            self.task.0.swap(0, Ordering::Relaxed) > 0
        }
    }

    #[test]
    fn requests_are_counted() {
        let sends = Sends::default();
        let first = SendRequest::enter(&sends, 2, 10).unwrap();
        let _second = SendRequest::enter(&sends, 2, 10).unwrap();
        assert!(SendRequest::enter(&sends, 2, 10).is_none());
        drop(first);
        assert!(SendRequest::enter(&sends, 2, 10).is_some());
    }

    #[test]
    fn a_request_without_bytes_holds_up_nobody() {
        let sends = Sends::default();
        let mut stalled = Request::enter(&sends);
        assert!(stalled.is_admitted());
        stalled.sending.hold(9);
        assert!(stalled.is_admitted());
        for _ in 0..20 {
            let mut other = Request::enter(&sends);
            assert!(other.is_admitted());
            other.sending.hold(5);
        }
        assert_eq!(sends.lock().held, 9);
    }

    #[test]
    fn above_the_budget_one_request_goes_on_and_the_others_in_their_order() {
        let sends = Sends::default();
        let mut requests: Vec<_> = (0..4).map(|_| Request::enter(&sends)).collect();
        assert!(requests.iter_mut().all(Request::is_admitted));
        for request in &mut requests {
            request.sending.hold(5);
        }
        let mut requests = requests.into_iter();
        let mut next = || requests.next().unwrap();
        let (mut leader, mut second, mut third, fourth) = (next(), next(), next(), next());
        assert!(leader.is_admitted());
        leader.sending.hold(1000);
        assert!(leader.is_admitted());
        assert!(!second.is_admitted());
        assert!(!third.is_admitted());

        // Bytes that are free make no difference above the budget, but the first may look.
        drop(fourth);
        assert!(second.is_woken() && !third.is_woken());
        assert!(!second.is_admitted());

        drop(leader);
        assert!(second.is_woken() && !third.is_woken());
        // A request that comes now is behind those that wait.
        let mut late = Request::enter(&sends);
        assert!(!late.is_admitted());
        assert!(!third.is_admitted());
        // The two fill the budget, so that one of them leads.
        assert!(second.is_admitted());
        assert!(third.is_woken());
        assert!(!third.is_admitted());

        drop(second);
        assert!(third.is_woken() && !late.is_woken());
        assert!(!late.is_admitted());
        assert!(third.is_admitted());
        third.sending.hold(100);
        assert!(late.is_woken());
        assert!(late.is_admitted());
        // It leads.
        assert!(!third.is_admitted());
        drop(late);
        assert!(third.is_woken());
        assert!(third.is_admitted());
        drop(third);
        let intake = sends.lock();
        assert_eq!((intake.held, intake.entered, intake.is_led), (0, 0, false));
    }

    #[test]
    fn a_wait_that_is_given_up_wakes_the_next_and_leaves_nothing() {
        let sends = Sends::default();
        let mut leader = Request::enter(&sends);
        leader.sending.hold(10);
        assert!(leader.is_admitted());
        let mut first = Request::enter(&sends);
        let mut second = Request::enter(&sends);
        assert!(!first.is_admitted());
        assert!(!second.is_admitted());

        drop(leader);
        assert!(first.is_woken());
        // Woken, and never polled again.
        drop(first);

        assert!(second.is_woken());
        assert!(second.is_admitted());
        assert_eq!(sends.lock().waiting_capacity(), 0);
    }

    #[test]
    fn turns_are_given_in_the_order_of_the_calls_until_the_end() {
        let sends = Sends::default();
        let requests: Vec<_> = (0..4).map(|_| Request::enter(&sends)).collect();
        let mut cx = Context::from_waker(Waker::noop());
        let mut first = pin!(requests[2].sending.turn());
        let mut second = pin!(requests[0].sending.turn());
        let mut third = Box::pin(requests[1].sending.turn());
        let mut fourth = pin!(requests[3].sending.turn());
        let Poll::Ready(Some(turn)) = first.as_mut().poll(&mut cx) else {
            panic!("nobody else has the turn");
        };
        assert!(second.as_mut().poll(&mut cx).is_pending());
        assert!(third.as_mut().poll(&mut cx).is_pending());
        assert!(fourth.as_mut().poll(&mut cx).is_pending());

        drop(turn);
        assert!(fourth.as_mut().poll(&mut cx).is_pending());
        assert!(third.as_mut().poll(&mut cx).is_pending());
        let Poll::Ready(Some(turn)) = second.as_mut().poll(&mut cx) else {
            panic!("it was the next");
        };
        drop(third);
        sends.end();
        assert!(matches!(fourth.as_mut().poll(&mut cx), Poll::Ready(None)));
        drop(turn);
        let mut ended = pin!(sends.ended.acquire());
        assert!(ended.as_mut().poll(&mut cx).is_ready());
    }
}
