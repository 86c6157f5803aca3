//! How a WebSocket begins and ends: what both WebSocket transports do around the
//! [pump](super::pump).

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use http::Response;
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
    let mut admission = mount.admit(opener, F::TRANSPORT).await?;
    admission.set_protocol(protocol);
    // Boxed, because a session spends nearly all its life without this future.
    let opened = Box::pin(open::<F>(mount.clone(), on_upgrade, max_write, admission));
    mount::spawn(run::<F>(opened));
    Ok(response.map(OwnBody::from))
}

/// A session and its connection. The session is dropped first.
struct Connected {
    task: SessionTask,
    pump: Box<Pump>,
}

/// The task of a session on a WebSocket.
async fn run<F: Framing>(opened: Pin<Box<impl Future<Output = Option<Connected>>>>) {
    let Some(connected) = opened.await else {
        return;
    };
    let span = connected.task.span();
    if span.is_disabled() {
        serve::<F>(connected).await;
    } else {
        serve::<F>(connected).instrument(span).await;
    }
}

/// Waits for the connection, and opens the session on it. Returns `None` if there is no connection.
async fn open<F: Framing>(
    mount: Arc<Mount>,
    on_upgrade: OnUpgrade,
    max_write: usize,
    admission: Admission,
) -> Option<Connected> {
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
    // Only a session with a key can be known already.
    let (task, attachment) = admission.open(&mount).ok()?;
    let pump = Pump::new::<F>(upgraded, attachment, config, max_write);
    Some(Connected {
        task,
        pump: Box::new(pump),
    })
}

/// Serves a session to its end, then closes the connection and lets the handler finish.
async fn serve<F: Framing>(connected: Connected) {
    let Connected { mut pump, mut task } = connected;
    // The open frame is sent first, even if the client's first frames arrived with the handshake
    // and end the session.
    let first = poll_fn(|cx| Poll::Ready(pump.write::<F>(cx))).await;
    let closing = match first {
        ControlFlow::Break(closing) => closing,
        ControlFlow::Continue(()) => {
            let mut timer = pin!(Timer::new());
            poll_fn(|cx| pump.poll::<F>(cx, &mut task, timer.as_mut())).await
        }
    };
    task.end();
    // Boxed, and in two statements: in one, the outer future would reserve space for it twice.
    let finish = Box::pin(finish(closing, pump, task));
    finish.await;
}

/// Closes the connection, and lets the handler run to its end, which may be much later.
async fn finish(closing: ClosingHandshake, mut pump: Box<Pump>, mut task: SessionTask) {
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
