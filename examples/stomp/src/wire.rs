//! The two directions of a session: frames out of its messages, and into them.

use sockjs_axum::{Receiver, Sender, Session, SessionRef};

use crate::application::Refusal;
use crate::decoder::{DecodeError, Decoder};
use crate::frame::{Command, Frame};
use crate::heartbeat::HeartBeat;
use crate::limits::Limits;
use crate::version::Version;

/// A session that speaks STOMP.
#[derive(Debug)]
pub(crate) struct Wire {
    sender: Sender,
    receiver: Receiver,
    decoder: Decoder,
    version: Version,
    heart_beat: HeartBeat,
}

/// Why a connection is over.
#[derive(Debug)]
pub(crate) enum End {
    /// The session is closed.
    Gone,
    /// The client said good-bye.
    Disconnected,
    /// The client did what it may not. The ERROR frame names the receipt that the client asked for.
    Refused {
        refusal: Refusal,
        receipt: Option<String>,
    },
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused {
            refusal,
            receipt: None,
        }
    }
}

impl From<DecodeError> for End {
    fn from(error: DecodeError) -> Self {
        Refusal::new(error.to_string()).into()
    }
}

impl Wire {
    pub(crate) fn new(session: Session, limits: Limits) -> Self {
        let (sender, receiver) = session.split();
        Self {
            sender,
            receiver,
            decoder: Decoder::new(limits),
            // Frames before CONNECTED have no character that the versions write differently.
            version: Version::V1_2,
            heart_beat: HeartBeat::none(),
        }
    }

    pub(crate) fn session(&self) -> SessionRef {
        self.sender.session_ref().clone()
    }

    /// Sets the version of all frames that follow, in both directions.
    pub(crate) fn speak(&mut self, version: Version) {
        self.version = version;
        self.decoder.speak(version);
    }

    pub(crate) fn beat(&mut self, heart_beat: HeartBeat) {
        self.heart_beat = heart_beat;
    }

    /// Waits for the next frame, and sends heart-beats meanwhile.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, nothing is lost but a heart-beat.
    pub(crate) async fn next_frame(&mut self) -> Result<Frame, End> {
        loop {
            if let Some(frame) = self.decoder.next_frame()? {
                return Ok(frame);
            }
            let (due, missed) = self.heart_beat.timers();
            tokio::select! {
                biased;
                // First, so that a client that sends without end is sent heart-beats too.
                () = due => self.sender.send("\n").await.map_err(|_| End::Gone)?,
                // A client is not late if its message only waits here.
                message = self.receiver.recv() => {
                    let message = message.ok_or(End::Gone)?;
                    self.heart_beat.heard();
                    self.decoder.push(&message);
                }
                () = missed => return Err(Refusal::new("no heart-beat from you").into()),
            }
        }
    }

    pub(crate) async fn send(&self, frame: &Frame) -> Result<(), End> {
        let sent = self.sender.send(frame.encode(self.version)).await;
        sent.map_err(|_| End::Gone)
    }

    /// Tells the client how its connection ended, and closes the session.
    pub(crate) async fn close(self, end: End) {
        match end {
            End::Gone => {}
            End::Disconnected => self.sender.close(1000, "Disconnected"),
            End::Refused { refusal, receipt } => {
                let mut frame = Frame::new(Command::Error).header("message", refusal.message);
                for (name, value) in refusal.headers.iter() {
                    frame = frame.header(name, value);
                }
                if let Some(receipt) = receipt {
                    frame = frame.header("receipt-id", receipt);
                }
                // A session that is closed meanwhile needs no good-bye.
                let _ = self.send(&frame).await;
                self.sender.close(4000, "Refused");
            }
        }
    }
}
