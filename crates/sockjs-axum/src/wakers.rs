use std::task::{Context, Waker};
use std::time::Instant;

use sockjs_core::{Session, SessionState};

/// Who waits for a session, and for what.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    /// The session's task, and when its timer will wake it anyway.
    task: Option<Waker>,
    armed: Option<Instant>,
    /// Who sends frames to the client: waits for a frame.
    receiver: Option<Waker>,
    /// Who receives messages in the application: waits for one.
    reader: Option<Waker>,
    /// Who sends messages in the application: wait for room.
    senders: WakerSet,
    /// Who takes payloads from the client, one at a time: waits for room.
    poster: Option<Waker>,
    /// Wait for the end.
    closers: WakerSet,
}

impl Wakers {
    /// Registers the session's task, to be woken when something is due before `armed`.
    pub(crate) fn set_task(&mut self, cx: &Context<'_>, armed: Option<Instant>) {
        set(&mut self.task, cx);
        self.armed = armed;
    }

    pub(crate) fn set_receiver(&mut self, cx: &Context<'_>) {
        set(&mut self.receiver, cx);
    }

    pub(crate) fn set_reader(&mut self, cx: &Context<'_>) {
        set(&mut self.reader, cx);
    }

    pub(crate) fn add_sender(&mut self, cx: &Context<'_>) {
        self.senders.add(cx);
    }

    pub(crate) fn set_poster(&mut self, cx: &Context<'_>) {
        set(&mut self.poster, cx);
    }

    pub(crate) fn add_closer(&mut self, cx: &Context<'_>) {
        self.closers.add(cx);
    }

    /// Forgets the session's task, which runs and will look at everything before it waits again.
    pub(crate) fn hold(&mut self, cx: &Context<'_>) {
        for slot in [&mut self.task, &mut self.receiver] {
            slot.take_if(|waker| waker.will_wake(cx.waker()));
        }
    }

    /// Takes the wakers of all whose wait is over; `None` if nobody waits at all.
    pub(crate) fn take_due(&mut self, session: &Session) -> Option<Due> {
        if self.is_empty() {
            return None;
        }
        let state = session.state();
        let open = matches!(state, SessionState::Connecting | SessionState::Open);
        let closed = matches!(state, SessionState::Closed);
        let earlier = || match (session.poll_timeout(), self.armed) {
            (Some(due), Some(armed)) => due < armed,
            (due, None) => due.is_some(),
            (None, Some(_)) => false,
        };
        let mut due = Due::default();
        if self.task.is_some() && (closed || earlier()) {
            due.task = self.task.take();
        }
        if self.receiver.is_some() && (closed || session.has_frame()) {
            due.receiver = self.receiver.take();
        }
        if self.reader.is_some() && (closed || session.has_messages()) {
            due.reader = self.reader.take();
        }
        if !open || session.unsent() == 0 {
            due.others.append(&mut self.senders.0);
        }
        if !open || session.has_room() {
            due.others.extend(self.poster.take());
        }
        if closed {
            due.others.append(&mut self.closers.0);
        }
        Some(due)
    }

    fn is_empty(&self) -> bool {
        let Self {
            task,
            armed: _,
            receiver,
            reader,
            senders,
            poster,
            closers,
        } = self;
        task.is_none()
            && receiver.is_none()
            && reader.is_none()
            && senders.0.is_empty()
            && poster.is_none()
            && closers.0.is_empty()
    }
}

/// Who is to be woken.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Due {
    task: Option<Waker>,
    receiver: Option<Waker>,
    reader: Option<Waker>,
    others: Vec<Waker>,
}

impl Due {
    pub(crate) fn wake(self) {
        [self.task, self.receiver, self.reader]
            .into_iter()
            .flatten()
            .for_each(Waker::wake);
        self.others.into_iter().for_each(Waker::wake);
    }

    /// Wakes all but the running task for what it looks at next in any case.
    pub(crate) fn wake_others(mut self, cx: &Context<'_>) {
        for slot in [&mut self.task, &mut self.receiver, &mut self.reader] {
            slot.take_if(|waker| waker.will_wake(cx.waker()));
        }
        self.wake();
    }
}

/// The tasks that wait for one thing, all to be woken once it is there.
#[derive(Debug, Default)]
struct WakerSet(Vec<Waker>);

impl WakerSet {
    /// Remembers the task, once however often it asks.
    fn add(&mut self, cx: &Context<'_>) {
        if !self.0.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.0.push(cx.waker().clone());
        }
    }
}

fn set(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *slot = Some(cx.waker().clone()),
    }
}
