use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use metrics::{Counter, Gauge, Histogram, SharedString, counter, gauge, histogram};
use sockjs_core::{Ending, Frame, Payload, Transport};

use crate::clock::now;

/// The instruments of one session. They are looked up when the session opens or changes its transport,
/// and not for each message.
pub(crate) struct Meter(Mutex<Instruments>);

struct Instruments {
    mount: Arc<str>,
    transport: Transport,
    stage: Stage,
    sessions: Gauge,
    messages_received: Counter,
    bytes_received: Counter,
    messages_sent: Counter,
    bytes_sent: Counter,
    send_buffer: Histogram,
}

/// Whether the session is counted as open.
#[derive(Clone, Copy)]
enum Stage {
    NotYet,
    Since(Instant),
    NoMore,
}

/// How many messages and bytes of text a payload contains.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Volume {
    messages: u64,
    bytes: u64,
}

impl Meter {
    pub(crate) fn new(mount: Arc<str>, transport: Transport) -> Self {
        Self(Mutex::new(Instruments::new(
            mount,
            transport,
            Stage::NotYet,
        )))
    }

    pub(crate) fn opened(&self) {
        let mut it = self.lock();
        it.stage = Stage::Since(now());
        it.sessions.increment(1);
        counter!(OPENED, &labels(&it.mount, it.transport)).increment(1);
    }

    /// Counts the session for the transport of its new receiver.
    pub(crate) fn attached(&self, transport: Transport) {
        let mut it = self.lock();
        let Stage::Since(_) = it.stage else { return };
        if it.transport != transport {
            it.sessions.decrement(1);
            *it = Instruments::new(it.mount.clone(), transport, it.stage);
            it.sessions.increment(1);
        }
    }

    pub(crate) fn closed(&self, ending: &Ending) {
        let mut it = self.lock();
        let Stage::Since(opened) = it.stage else {
            return;
        };
        it.stage = Stage::NoMore;
        it.sessions.decrement(1);
        let [mount, transport] = labels(&it.mount, it.transport);
        let cause = ("cause", SharedString::from(ending.cause().as_str()));
        counter!(CLOSED, &[mount.clone(), transport.clone(), cause]).increment(1);
        let labels = [mount, transport];
        counter!(UNDELIVERED, &labels).increment(ending.undelivered() as u64);
        histogram!(DURATION, &labels).record(now().duration_since(opened).as_secs_f64());
    }

    /// Counts a frame that was taken. `waiting` is how many bytes were in the send buffer before.
    pub(crate) fn sent(&self, frame: &Frame, waiting: usize) {
        let Frame::Messages(messages) = frame else {
            return;
        };
        let bytes: usize = messages.iter().map(|message| message.len()).sum();
        let it = self.lock();
        it.messages_sent.increment(messages.len() as u64);
        it.bytes_sent.increment(bytes as u64);
        it.send_buffer.record(waiting as f64);
    }

    pub(crate) fn received(&self, volume: Volume) {
        let it = self.lock();
        it.messages_received.increment(volume.messages);
        it.bytes_received.increment(volume.bytes);
    }

    fn lock(&self) -> MutexGuard<'_, Instruments> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").finish_non_exhaustive()
    }
}

impl Instruments {
    fn new(mount: Arc<str>, transport: Transport, stage: Stage) -> Self {
        let labels = labels(&mount, transport);
        Self {
            sessions: gauge!(SESSIONS, &labels),
            messages_received: counter!(MESSAGES_RECEIVED, &labels),
            bytes_received: counter!(BYTES_RECEIVED, &labels),
            messages_sent: counter!(MESSAGES_SENT, &labels),
            bytes_sent: counter!(BYTES_SENT, &labels),
            send_buffer: histogram!(SEND_BUFFER, &labels),
            mount,
            transport,
            stage,
        }
    }
}

impl Volume {
    pub(crate) fn of(payload: &Payload) -> Self {
        Self {
            messages: payload.len() as u64,
            bytes: payload.text_len() as u64,
        }
    }
}

fn labels(mount: &Arc<str>, transport: Transport) -> [(&'static str, SharedString); 2] {
    [
        (MOUNT, SharedString::from(mount.clone())),
        ("transport", SharedString::from(transport.as_str())),
    ]
}

/// Counts a refused request.
pub(crate) fn refused(mount: &Arc<str>, reason: &'static str) {
    counter!(REFUSED, MOUNT => SharedString::from(mount.clone()), "reason" => reason).increment(1);
}

const MOUNT: &str = "mount";

const SESSIONS: &str = "sockjs_sessions";
const OPENED: &str = "sockjs_sessions_opened_total";
const CLOSED: &str = "sockjs_sessions_closed_total";
const DURATION: &str = "sockjs_session_duration_seconds";
const MESSAGES_RECEIVED: &str = "sockjs_messages_received_total";
const BYTES_RECEIVED: &str = "sockjs_received_bytes_total";
const MESSAGES_SENT: &str = "sockjs_messages_sent_total";
const BYTES_SENT: &str = "sockjs_sent_bytes_total";
const UNDELIVERED: &str = "sockjs_messages_undelivered_total";
const SEND_BUFFER: &str = "sockjs_send_buffer_bytes";
const REFUSED: &str = "sockjs_requests_refused_total";
