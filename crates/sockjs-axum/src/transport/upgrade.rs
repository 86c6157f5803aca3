//! How a WebSocket begins and ends: what both WebSocket transports do around the
//! [pump](super::pump).

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::SEC_WEBSOCKET_VERSION;
use http::{HeaderValue, Response};
use hyper::upgrade::OnUpgrade;
use tracing::Instrument;

use super::OwnBody;
use super::close::ClosingHandshake;
use super::handshake::{Handshake, handshake, is_extended_connect};
use super::pump::{Framing, Pump};
use crate::http::reject::Refusal;
use crate::mount::{self, Admission, Mount, Opener, SessionTask, Timer};

/// Answers the opening handshake, and starts the session's task. The task waits for the connection.
pub(super) async fn upgrade<F: Framing>(
    mount: &Arc<Mount>,
    mut opener: Opener,
) -> Result<Response<OwnBody>, Refusal> {
    let Handshake {
        response,
        on_upgrade,
        protocol,
    } = handshake(&mut opener.parts, &mount.config().protocols)?;
    let max_write = if is_extended_connect(&opener.parts) {
        MAX_HTTP2_WRITE
    } else {
        usize::MAX
    };
    let head = Slice(opener.parts.headers.get(SEC_WEBSOCKET_VERSION).cloned());
    let mut admission = mount.admit(opener, F::TRANSPORT).await?;
    admission.set_protocol(protocol);
    let open = open::<F>(mount.clone(), on_upgrade, head, max_write, admission);
    mount::spawn(Run::Opening(Box::pin(open)));
    Ok(response.map(OwnBody::from))
}

/// The task of a session on a WebSocket. Each part is boxed, because a session spends nearly all its life
/// in the second one, which needs less space.
enum Run {
    Opening(Pin<Box<dyn Future<Output = Option<Serving>> + Send>>),
    Serving(Serving),
}

type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Future for Run {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            match this {
                Self::Opening(opening) => match ready!(opening.as_mut().poll(cx)) {
                    Some(serving) => *this = Self::Serving(serving),
                    None => return Poll::Ready(()),
                },
                Self::Serving(serving) => return serving.as_mut().poll(cx),
            }
        }
    }
}

/// A slice of the head of the request, and so of the buffer that hyper has read it into.
///
/// If no slice is left while hyper still has the connection, hyper takes the buffer back, doubles it and
/// copies it, in case that more requests follow.
struct Slice(#[expect(dead_code, reason = "it only has to be there")] Option<HeaderValue>);

/// A session and its connection. The session is dropped first.
struct Connected {
    task: SessionTask,
    pump: Box<Pump>,
}

/// Waits for the connection, and opens the session on it. Returns `None` if there is no connection.
async fn open<F: Framing>(
    mount: Arc<Mount>,
    on_upgrade: OnUpgrade,
    head: Slice,
    max_write: usize,
    admission: Admission,
) -> Option<Serving> {
    let config = mount.config();
    let upgraded = tokio::select! {
        upgraded = tokio::time::timeout(config.handshake_timeout, on_upgrade) => upgraded,
        () = mount.stopped() => return None,
    };
    let upgraded = match upgraded {
        Ok(Ok(upgraded)) => upgraded,
        Ok(Err(error)) => {
            if error.is_user() {
                // The HTTP server was not told to hand over connections.
                tracing::warn!(error = %error, "connection did not become a websocket");
            } else {
                // A client that goes away is enough.
                tracing::debug!(error = %error, "connection did not become a websocket");
            }
            return None;
        }
        Err(error) => {
            tracing::debug!(error = %error, "connection did not become a websocket");
            return None;
        }
    };
    drop(head);
    // Only a session with a key can be known already.
    let (task, attachment) = admission.open(&mount).ok()?;
    let pump = Pump::new::<F>(upgraded, attachment, config, max_write);
    let span = task.span();
    let serving = serve::<F>(Connected {
        task,
        pump: Box::new(pump),
    });
    Some(if span.is_disabled() {
        Box::pin(serving)
    } else {
        Box::pin(serving.instrument(span))
    })
}

/// Serves a session to its end, then closes the connection and lets the handler finish.
#[expect(
    clippy::manual_async_fn,
    reason = "an async function reserves space for its arguments twice"
)]
fn serve<F: Framing>(mut connected: Connected) -> impl Future<Output = ()> + Send {
    async move {
        let closing = {
            let Connected { task, pump } = &mut connected;
            // The open frame is sent first, even if the client's first frames arrived with the
            // handshake and end the session.
            let first = poll_fn(|cx| Poll::Ready(pump.write::<F>(cx))).await;
            match first {
                ControlFlow::Break(closing) => closing,
                ControlFlow::Continue(()) => {
                    let mut timer = pin!(Timer::new());
                    poll_fn(|cx| pump.poll::<F>(cx, task, timer.as_mut())).await
                }
            }
        };
        connected.task.end();
        // Boxed, and in two statements: in one, the outer future would reserve space for it twice.
        let finish = Box::pin(finish(closing, connected));
        finish.await;
    }
}

/// Closes the connection, and lets the handler run to its end, which may be much later.
async fn finish(closing: ClosingHandshake, connected: Connected) {
    let Connected { mut pump, mut task } = connected;
    let close = async move {
        closing.perform(pump.socket()).await;
        // The handler may run longer than the connection.
        drop(pump);
    };
    task.finish(close).await;
}

/// How many bytes hyper is given at a time over HTTP/2. It takes some of such pieces at once, of any
/// length, even if the client reads nothing, and keeps them for as long as the connection lives.
const MAX_HTTP2_WRITE: usize = 16 * 1024;
