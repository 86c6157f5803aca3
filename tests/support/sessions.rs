use sockjs_axum::{Ending, Session, SockJsLayer};
use tokio::sync::mpsc;

use crate::limit::within;

/// The sessions of a layer whose handler does nothing but hand them to the test.
#[derive(Debug)]
pub struct Sessions(mpsc::UnboundedReceiver<Session>);

impl Sessions {
    /// Gives a layer such a handler.
    pub fn capture(layer: SockJsLayer) -> (SockJsLayer, Self) {
        let (capture, sessions) = Self::channel();
        (capture.apply(layer), sessions)
    }

    /// Makes such a handler for several layers.
    pub(crate) fn channel() -> (Capture, Self) {
        let (tx, rx) = mpsc::unbounded_channel();
        (Capture(tx), Self(rx))
    }

    /// Waits for the next session.
    pub async fn next(&mut self) -> Session {
        within("a session", self.0.recv())
            .await
            .expect("the layer lives")
    }

    /// Returns whether no session waits to be taken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A handler that hands its sessions to the test.
#[derive(Clone, Debug)]
pub(crate) struct Capture(mpsc::UnboundedSender<Session>);

impl Capture {
    pub(crate) fn apply(self, layer: SockJsLayer) -> SockJsLayer {
        layer.on_session(move |session: Session| {
            // A test that does not care about its sessions has dropped the receiver.
            self.0.send(session).ok();
            std::future::ready(())
        })
    }
}

/// Waits for the next message of a session.
///
/// # Panics
///
/// When the session ends instead.
pub async fn received(session: &mut Session) -> String {
    let message = within("a message", session.recv()).await;
    message.expect("the session is open").into_string()
}

/// Waits for the end of a session.
pub async fn ending(session: &Session) -> Ending {
    within("the session's end", session.closed()).await
}
