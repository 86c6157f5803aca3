use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use sockjs_core::{Cause, CloseReason};
use tokio::time::Sleep;
use tracing::{Instrument, Span};

use super::registry::Registration;
use crate::error::{BoxError, Chain, is_session_gone};
use crate::panics::{drop_panic, panic_message};
use crate::session::{HandlerFuture, Parking, Shared};

/// The part of a session's task that all transports share: the handler and the timer.
pub(crate) struct SessionTask {
    registration: Registration,
    /// `None` once the handler has returned or panicked.
    handler: Option<HandlerFuture>,
}

impl SessionTask {
    pub(super) fn new(registration: Registration, handler: HandlerFuture) -> Self {
        Self {
            registration,
            handler: Some(handler),
        }
    }

    /// Makes the span in which the task runs.
    pub(crate) fn span(&self) -> Span {
        let shared = self.registration.shared();
        let connection = shared.connection();
        // Not a child of the request's span, because that span's fields may hold the URL and with
        // it the session id.
        let span = tracing::info_span!(
            parent: None,
            "session",
            id = %shared.opening().id,
            transport = connection.transport.as_str(),
            remote_addr = tracing::field::Empty,
        );
        if let Some(addr) = connection.remote_addr {
            span.record("remote_addr", tracing::field::display(addr));
        }
        span.in_scope(|| tracing::debug!("session opened"));
        span
    }

    /// Starts the task of a session that has no connection of its own.
    pub(super) fn spawn(self) {
        let span = self.span();
        spawn_in(span, self.run());
    }

    #[expect(
        clippy::manual_async_fn,
        reason = "an async function reserves space for its arguments twice"
    )]
    fn run(mut self) -> impl Future<Output = ()> {
        async move {
            {
                let mut timer = pin!(Timer::new());
                poll_fn(|cx| self.poll(cx, timer.as_mut())).await;
            }
            self.end();
            // Boxed, because a session spends nearly all its life without this future.
            Box::pin(self.finish(std::future::ready(()))).await;
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Timer>) -> Poll<()> {
        self.hold(cx);
        loop {
            let _ = self.poll_handler(cx);
            if ready!(self.poll_timer(cx, timer.as_mut())).is_break() {
                return Poll::Ready(());
            }
        }
    }

    /// Starts a run of the task: nobody needs to wake the task until [`poll_timer`](Self::poll_timer)
    /// returns `Pending`.
    pub(crate) fn hold(&self, cx: &Context<'_>) {
        self.registration.shared().hold(cx);
    }

    /// Polls the handler. A handler that fails or panics closes its session.
    pub(crate) fn poll_handler(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(handler) = &mut self.handler else {
            return Poll::Ready(());
        };
        let shared = self.registration.shared();
        // The error of a handler may panic, too, when it is written or dropped.
        let poll = catch_unwind(AssertUnwindSafe(|| {
            let result = ready!(handler.as_mut().poll(cx));
            if let Err(error) = result {
                handle_error(shared, error);
            }
            Poll::Ready(())
        }));
        match poll {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(())) => {}
            Err(panic) => self.handle_panic(panic),
        }
        // What it held is dropped first.
        self.drop_handler();
        self.registration.shared().handler_returned();
        Poll::Ready(())
    }

    fn handle_panic(&self, panic: Box<dyn Any + Send>) {
        tracing::error!(panic = panic_message(&*panic), "session handler panicked");
        self.registration
            .shared()
            .close(CloseReason::INTERNAL_ERROR, Cause::HandlerPanicked);
        drop_panic(panic);
    }

    /// Drops the handler. What it holds may panic when it is dropped.
    fn drop_handler(&mut self) {
        let handler = self.handler.take();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(handler))) {
            self.handle_panic(panic);
        }
    }

    /// Ends a run of the task, or says that there is more to do: `Continue` if the task must look
    /// again, `Break` if the session is over.
    pub(crate) fn poll_timer(
        &self,
        cx: &mut Context<'_>,
        timer: Pin<&mut Timer>,
    ) -> Poll<ControlFlow<()>> {
        let shared = self.registration.shared();
        match shared.park() {
            Parking::Until(None) => return Poll::Pending,
            Parking::Until(Some(at)) => {
                ready!(timer.poll_at(cx, at.into()));
                shared.handle_timeout();
            }
            Parking::Missed => {}
            Parking::Closed => return Poll::Ready(ControlFlow::Break(())),
        }
        Poll::Ready(ControlFlow::Continue(()))
    }

    /// Removes the session, which is over, from the registry.
    pub(crate) fn end(&mut self) {
        self.registration.end();
    }

    /// Lets the handler and `closing` run to their ends after the session's end. A shutdown of the
    /// mount cuts both off at its deadline.
    pub(crate) async fn finish(&mut self, closing: impl Future<Output = ()>) {
        let registry = self.registration.registry().clone();
        let handler = poll_fn(|cx| self.poll_handler(cx));
        tokio::select! {
            _ = async { tokio::join!(closing, handler) } => {}
            () = registry.stopped() => {}
        }
    }
}

/// Ends the session before the handler is dropped. So if the runtime drops the task, the session
/// ends as shut down, and not because its handler was dropped.
impl Drop for SessionTask {
    fn drop(&mut self) {
        self.registration.end();
        self.drop_handler();
    }
}

impl fmt::Debug for SessionTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionTask")
            .field("registration", &self.registration)
            .finish_non_exhaustive()
    }
}

/// Closes the session of a handler that returned an error. If its session is gone, a handler returns
/// the error of a message that it could not send, which is no failure.
fn handle_error(shared: &Shared, error: BoxError) {
    if shared.is_closed() && is_session_gone(&*error) {
        return;
    }
    tracing::warn!(error = %Chain(&*error), "session handler failed");
    shared.close(CloseReason::INTERNAL_ERROR, Cause::HandlerFailed);
}

/// Starts the task of a session.
///
/// tokio adds about 90 bytes to a task, and rounds up its size to the next 128 bytes. So the task should
/// be small, such as a box.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}

/// Starts the task of a session in a span, if any subscriber is interested in the span.
fn spawn_in(span: Span, task: impl Future<Output = ()> + Send + 'static) {
    if span.is_disabled() {
        spawn(Box::pin(task));
    } else {
        spawn(Box::pin(task.instrument(span)));
    }
}

pin_project! {
    /// The timer of a session's task.
    ///
    /// Nearly every frame moves the session's deadline further away. The timer is left alone then:
    /// it fires too early once, which is harmless to a session, and is set again.
    pub(crate) struct Timer {
        #[pin]
        sleep: Sleep,
    }
}

impl Timer {
    pub(crate) fn new() -> Self {
        // `poll_at` resets the timer before it first polls it.
        Self {
            sleep: tokio::time::sleep(Duration::from_secs(u32::MAX.into())),
        }
    }

    /// Waits until `deadline`, or less.
    fn poll_at(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        deadline: tokio::time::Instant,
    ) -> Poll<()> {
        let mut sleep = self.project().sleep;
        if !sleep.is_elapsed() && sleep.deadline() <= deadline {
            return Poll::Pending;
        }
        sleep.as_mut().reset(deadline);
        // Exempt from tokio's budget, because a timer that the budget refuses is not polled again.
        pin!(tokio::task::unconstrained(sleep)).poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::coop::{has_budget_remaining, poll_proceed};
    use tokio::time::{Instant, timeout};

    use super::*;

    /// The task of every session contains them.
    #[test]
    fn the_task_stays_small() {
        assert!(
            size_of::<SessionTask>() <= 64,
            "{}",
            size_of::<SessionTask>()
        );
        assert!(size_of::<Timer>() <= 112, "{}", size_of::<Timer>());
    }

    const SOON: Duration = Duration::from_millis(20);
    const LIMIT: Duration = Duration::from_secs(20);

    /// A handler that is never idle spends the budget of each run before the timer is polled.
    #[tokio::test]
    async fn the_timer_fires_although_the_budget_was_spent_when_it_was_set() {
        let mut timer = pin!(Timer::new());
        let at = Instant::now() + SOON;
        let mut runs = 0;
        let fired = poll_fn(|cx| {
            runs += 1;
            while runs == 1 && has_budget_remaining() {
                ready!(poll_proceed(cx)).made_progress();
            }
            timer.as_mut().poll_at(cx, at)
        });
        // When the time is up, the future is polled once more, and would look late.
        let _ = timeout(LIMIT, fired).await;
        let now = Instant::now();
        assert!(now >= at);
        assert!(now < at + LIMIT / 2, "nobody was woken");
    }
}
