use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use sockjs_core::{Cause, CloseReason};
use tokio::time::Sleep;
use tracing::{Instrument, Span};

use crate::mount::registry::Registration;
use crate::session::driver::{Driver, Timer};

/// What the task of a session owns, to be dropped in this order: if the runtime drops the task, it
/// is not the handler who ended the session.
#[derive(Debug)]
pub(crate) struct OpenSession {
    pub(crate) registration: Registration,
    pub(crate) app: App,
}

/// Starts the task of a session.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    // On the heap by itself, as tokio rounds up what it is given to the next 128 bytes.
    tokio::spawn(Box::pin(task));
}

/// Starts the task of a session in a span of its own, if anybody wants to know.
pub(crate) fn spawn_in(span: Span, task: impl Future<Output = ()> + Send + 'static) {
    if span.is_disabled() {
        spawn(task);
    } else {
        spawn(task.instrument(span));
    }
}

/// The task of a session of an HTTP transport: polls the application and the session's timer.
#[expect(
    clippy::manual_async_fn,
    reason = "an async function has room for its arguments twice"
)]
pub(crate) fn run(mut session: OpenSession) -> impl Future<Output = ()> {
    async move {
        {
            let mut alarm = pin!(Alarm::new());
            poll_fn(|cx| session.poll(cx, alarm.as_mut())).await;
        }
        session.registration.end();
        // On the heap, as a session lives nearly all its life without.
        Box::pin(session.finish()).await;
    }
}

impl OpenSession {
    fn poll(&mut self, cx: &mut Context<'_>, mut alarm: Pin<&mut Alarm>) -> Poll<()> {
        let driver = self.registration.driver();
        driver.hold(cx);
        loop {
            let _ = self.app.poll(cx, driver);
            match ready!(alarm.as_mut().poll(cx, driver)) {
                Alert::Due => driver.handle_timeout(),
                Alert::Missed => {}
                Alert::Closed => return Poll::Ready(()),
            }
        }
    }

    /// Lets the handler run to its end after the session's, but for what is cut off.
    async fn finish(&mut self) {
        tokio::select! {
            () = self.app.finish(self.registration.driver()) => {}
            () = self.registration.registry().stopped() => {}
        }
    }
}

/// Makes the span that all of a session's task runs in.
pub(crate) fn span(driver: &Driver) -> Span {
    // Not inside that of the request that opened it, which may tell the URL and with it the id.
    let span = tracing::info_span!(
        parent: None,
        "session",
        id = %driver.opening().id,
        transport = driver.transport().as_str(),
        remote_addr = tracing::field::Empty,
    );
    if let Some(addr) = driver.remote_addr() {
        span.record("remote_addr", tracing::field::display(addr));
    }
    span.in_scope(|| tracing::debug!("session opened"));
    span
}

/// The application's handler for one session.
pub(crate) struct App {
    handler: Option<HandlerFuture>,
}

/// A handler that was called.
pub(crate) type HandlerFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

impl App {
    pub(crate) fn new(handler: HandlerFuture) -> Self {
        Self {
            handler: Some(handler),
        }
    }

    /// Lets the handler run. One that panics closes its session.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, driver: &Driver) -> Poll<()> {
        let Some(handler) = &mut self.handler else {
            return Poll::Ready(());
        };
        let result = catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(cx)));
        match result {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(())) => {}
            Err(panic) => {
                tracing::error!(panic = panic_message(&*panic), "session handler panicked");
                driver.close(PANICKED, Cause::HandlerPanicked);
            }
        }
        self.handler = None;
        Poll::Ready(())
    }

    /// Lets the handler run to its end after the session's.
    pub(crate) async fn finish(&mut self, driver: &Driver) {
        poll_fn(|cx| self.poll(cx, driver)).await;
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    if let Some(message) = panic.downcast_ref::<&str>() {
        message
    } else if let Some(message) = panic.downcast_ref::<String>() {
        message
    } else {
        "unknown"
    }
}

/// What a client is told when the handler of its session panicked.
pub(crate) const PANICKED: CloseReason = CloseReason::from_static(1011, "Internal error");

pin_project! {
    /// The timer of a session.
    ///
    /// A deadline moves away with nearly every frame, so the timer is left alone then: it fires
    /// too early, which a session does not mind, and is set anew once.
    pub(crate) struct Alarm {
        #[pin]
        sleep: Sleep,
    }
}

impl Alarm {
    pub(crate) fn new() -> Self {
        // Set anew before it is first polled.
        Self {
            sleep: tokio::time::sleep(Duration::from_secs(u32::MAX.into())),
        }
    }

    /// Lets the session's task wait until a deadline has passed, or there is more to do.
    pub(crate) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>, driver: &Driver) -> Poll<Alert> {
        let at = match driver.park() {
            Timer::At(at) => tokio::time::Instant::from_std(at),
            Timer::Never => return Poll::Pending,
            Timer::Now => return Poll::Ready(Alert::Missed),
            Timer::Closed => return Poll::Ready(Alert::Closed),
        };
        let mut sleep = self.project().sleep;
        if !sleep.is_elapsed() && sleep.deadline() <= at {
            return Poll::Pending;
        }
        sleep.as_mut().reset(at);
        // Not refused by tokio's budget, or nobody would poll it again.
        let sleep = pin!(tokio::task::unconstrained(sleep));
        sleep.poll(cx).map(|()| Alert::Due)
    }
}

/// What an [`Alarm`] goes off for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Alert {
    Due,
    /// What the task had not seen when it wanted to wait.
    Missed,
    Closed,
}
