use std::mem;
use std::task::{Context, Waker};
use std::time::Instant;

use sockjs_core::{Session, SessionState};

/// The tasks that wait for something of a session.
///
/// The session's own task looks at everything in each of its runs, and once more before it parks.
/// Therefore nothing that it polls needs a waker of its own, and its own changes wake nobody in
/// vain.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    task: Task,
    /// Indexed by [`Awaited`].
    slots: [Slot; Awaited::ALL.len()],
    /// Boxed, and made for the first task that waits, because most sessions never have one.
    crowd: Option<Box<Crowd>>,
}

/// Something that one task at a time waits for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Awaited {
    /// The receiver waits for a frame.
    Frame,
    /// The application waits for a message.
    Message,
    /// A payload from the client waits for room in the receive buffer.
    Room,
}

/// Whether the session's task may sleep.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Parking {
    /// It may, until that instant if there is one. It is woken for everything that concerns it,
    /// an earlier deadline included.
    Until(Option<Instant>),
    /// It must look again, because something happened after it looked.
    Missed,
    /// The session is over.
    Closed,
}

impl Wakers {
    /// The session's task runs, until it [parks](Self::park).
    pub(super) fn hold(&mut self, cx: &Context<'_>) {
        match &mut self.task.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            slot => *slot = Some(cx.waker().clone()),
        }
        self.task.pace = Pace::Awake;
    }

    pub(super) fn park(&mut self, session: &Session) -> Parking {
        if is_closed(session) {
            return Parking::Closed;
        }
        let mut missed = false;
        for awaited in Awaited::ALL {
            missed |= self.slots[awaited as usize].take_task(awaited.is_due(session));
        }
        if missed {
            return Parking::Missed;
        }
        let until = session.poll_timeout();
        self.task.pace = Pace::Parked { until };
        Parking::Until(until)
    }

    /// The task of `cx` waits, or with `None` nobody does.
    pub(super) fn set(&mut self, awaited: Awaited, cx: Option<&Context<'_>>) {
        self.slots[awaited as usize].set(cx, &self.task);
    }

    /// The task of `cx` waits for room in the send buffer, which has none for its message.
    pub(super) fn add_sender(&mut self, cx: &Context<'_>) {
        let crowd = self.crowd.get_or_insert_default();
        crowd.senders.add(cx);
        crowd.has_send_room = false;
    }

    /// The send buffer has room again.
    pub(super) fn handle_send_room(&mut self) {
        if let Some(crowd) = &mut self.crowd {
            crowd.has_send_room = true;
        }
    }

    pub(super) fn add_closer(&mut self, cx: &Context<'_>) {
        self.crowd.get_or_insert_default().closers.add(cx);
    }

    /// Returns whether nobody waits except the session's task, and it runs and looks by itself.
    #[inline]
    pub(super) fn is_left_to_task(&self) -> bool {
        !matches!(self.task.pace, Pace::Parked { .. })
            && !self.slots.iter().any(|slot| matches!(slot, Slot::Other(_)))
            && self.crowd.as_deref().is_none_or(Crowd::is_empty)
    }

    /// Takes the wakers of the tasks whose wait is over.
    pub(super) fn take_due(&mut self, session: &Session) -> Due {
        let mut due = Due::default();
        for awaited in Awaited::ALL {
            let slot = &mut self.slots[awaited as usize];
            if slot.waits() && awaited.is_due(session) {
                due.slots[awaited as usize] = slot.take(&mut self.task);
            }
        }
        if self.task.is_due(session) {
            due.task = self.task.wake();
        }
        if let Some(crowd) = &mut self.crowd {
            crowd.take_due(session, &mut due.others);
        }
        due
    }
}

impl Awaited {
    const ALL: [Self; 3] = [Self::Frame, Self::Message, Self::Room];

    /// Returns whether the wait is over.
    fn is_due(self, session: &Session) -> bool {
        match self {
            Self::Frame => session.has_frame() || is_closed(session),
            Self::Message => session.has_messages() || is_closed(session),
            Self::Room => session.has_room() || !is_open(session),
        }
    }
}

fn is_open(session: &Session) -> bool {
    matches!(
        session.state(),
        SessionState::Connecting | SessionState::Open
    )
}

fn is_closed(session: &Session) -> bool {
    matches!(session.state(), SessionState::Closed)
}

/// The session's task.
#[derive(Debug, Default)]
struct Task {
    waker: Option<Waker>,
    pace: Pace,
}

#[derive(Clone, Copy, Debug, Default)]
enum Pace {
    /// It runs, or it will, because it is new or was woken.
    #[default]
    Awake,
    /// It sleeps. Its timer wakes it at `until`.
    Parked { until: Option<Instant> },
}

impl Task {
    /// Returns whether the task sleeps too long: the session is over, or has an earlier deadline.
    fn is_due(&self, session: &Session) -> bool {
        let Pace::Parked { until } = self.pace else {
            return false;
        };
        is_closed(session)
            || match (session.poll_timeout(), until) {
                (Some(due), Some(until)) => due < until,
                (due, None) => due.is_some(),
                (None, Some(_)) => false,
            }
    }

    fn wake(&mut self) -> Option<Waker> {
        self.pace = Pace::Awake;
        self.waker.clone()
    }
}

/// The task that waits for one thing.
#[derive(Debug, Default)]
enum Slot {
    #[default]
    Nobody,
    /// The session's task, or a future that it polls.
    Task,
    Other(Waker),
}

impl Slot {
    fn set(&mut self, cx: Option<&Context<'_>>, task: &Task) {
        let is_task = |waker| task.waker.as_ref().is_some_and(|it| it.will_wake(waker));
        match (&mut *self, cx.map(Context::waker)) {
            (_, None) => *self = Self::Nobody,
            (_, Some(waker)) if is_task(waker) => *self = Self::Task,
            (Self::Other(slot), Some(waker)) => slot.clone_from(waker),
            (_, Some(waker)) => *self = Self::Other(waker.clone()),
        }
    }

    fn waits(&self) -> bool {
        !matches!(self, Self::Nobody)
    }

    /// Takes the waker. The session's task is taken only while it sleeps, because a running task
    /// looks by itself.
    fn take(&mut self, task: &mut Task) -> Option<Waker> {
        match (&self, task.pace) {
            (Self::Task, Pace::Awake) => None,
            (Self::Task, Pace::Parked { .. }) => {
                *self = Self::Nobody;
                task.wake()
            }
            (Self::Nobody | Self::Other(_), _) => match mem::take(self) {
                Self::Other(waker) => Some(waker),
                Self::Nobody | Self::Task => None,
            },
        }
    }

    /// Takes the session's task if it waits here and the wait is over. Returns whether it did.
    fn take_task(&mut self, is_due: bool) -> bool {
        let takes = is_due && matches!(self, Self::Task);
        if takes {
            *self = Self::Nobody;
        }
        takes
    }
}

/// The wakers to wake once the session is unlocked.
#[derive(Debug, Default)]
#[must_use]
pub(super) struct Due {
    task: Option<Waker>,
    slots: [Option<Waker>; Awaited::ALL.len()],
    others: Vec<Waker>,
}

impl Due {
    pub(super) fn wake(self) {
        self.task.into_iter().for_each(Waker::wake);
        self.slots.into_iter().flatten().for_each(Waker::wake);
        self.others.into_iter().for_each(Waker::wake);
    }
}

/// The waits that any number of tasks may share.
#[derive(Debug, Default)]
struct Crowd {
    /// Application tasks that wait for room in the send buffer.
    senders: WakerSet,
    /// Whether there was room since the last of them began to wait.
    has_send_room: bool,
    /// Application tasks that wait for the end of the session.
    closers: WakerSet,
}

impl Crowd {
    fn is_empty(&self) -> bool {
        self.senders.0.is_empty() && self.closers.0.is_empty()
    }

    fn take_due(&mut self, session: &Session, due: &mut Vec<Waker>) {
        if mem::take(&mut self.has_send_room) || !is_open(session) {
            due.append(&mut self.senders.0);
        }
        if is_closed(session) {
            due.append(&mut self.closers.0);
        }
    }
}

/// Tasks that wait for the same thing. All are woken when it is there.
#[derive(Debug, Default)]
struct WakerSet(Vec<Waker>);

impl WakerSet {
    /// Adds a task, unless it is in the set.
    fn add(&mut self, cx: &Context<'_>) {
        if !self.0.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.0.push(cx.waker().clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;
    use std::time::Duration;

    use sockjs_core::{Cause, CloseReason, Payload, SessionConfig};

    use super::*;

    /// A task that counts how often it is woken.
    #[derive(Default)]
    struct Sleeper(AtomicUsize);

    impl Wake for Sleeper {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A session whose open frame is sent and whose open event is taken, its task, and another
    /// task.
    struct Bench {
        session: Session,
        now: Instant,
        wakers: Wakers,
        task: Arc<Sleeper>,
        other: Arc<Sleeper>,
    }

    impl Bench {
        fn open() -> Self {
            let now = Instant::now();
            let config = SessionConfig::default().with_receive_buffer(1);
            let mut session = Session::new(now, config);
            session.attach(now).unwrap();
            session.poll_frame(now).unwrap();
            session.handle_flushed(now);
            session.poll_event().unwrap();
            Self {
                session,
                now,
                wakers: Wakers::default(),
                task: Arc::default(),
                other: Arc::default(),
            }
        }

        fn hold(&mut self) {
            let waker = Waker::from(self.task.clone());
            self.wakers.hold(&Context::from_waker(&waker));
        }

        fn park(&mut self) -> bool {
            !matches!(self.wakers.park(&self.session), Parking::Missed)
        }

        fn wait(&mut self, awaited: Awaited, who: &Arc<Sleeper>) {
            let waker = Waker::from(who.clone());
            self.wakers.set(awaited, Some(&Context::from_waker(&waker)));
        }

        fn post(&mut self) {
            let payload = Payload::raw("x", 1).unwrap();
            self.session.handle_payload(payload).unwrap();
        }

        fn send(&mut self) {
            self.session.send(self.now, "x".into()).unwrap();
        }

        /// Wakes the tasks that are due. Returns how often the session's task and the other one
        /// were woken since the last call.
        fn woken(&mut self) -> (usize, usize) {
            if !self.wakers.is_left_to_task() {
                self.wakers.take_due(&self.session).wake();
            }
            let count = |it: &Sleeper| it.0.swap(0, Ordering::Relaxed);
            (count(&self.task), count(&self.other))
        }
    }

    #[test]
    fn running_task_is_not_woken_but_must_look_again() {
        let mut bench = Bench::open();
        let task = bench.task.clone();
        bench.hold();
        bench.wait(Awaited::Message, &task);
        bench.wait(Awaited::Frame, &task);
        assert!(bench.park());

        bench.hold();
        bench.post();
        assert_eq!(bench.woken(), (0, 0));
        assert!(!bench.park());
        bench.send();
        assert_eq!(bench.woken(), (0, 0));
        assert!(!bench.park());
        // It has looked, and nobody waits any more.
        assert!(bench.park());
    }

    #[test]
    fn running_task_notices_room_before_it_sleeps() {
        let mut bench = Bench::open();
        let task = bench.task.clone();
        bench.hold();
        bench.post();
        bench.wait(Awaited::Room, &task);
        assert!(bench.park());

        bench.hold();
        bench.session.poll_event().unwrap();
        assert_eq!(bench.woken(), (0, 0));
        assert!(!bench.park());
    }

    #[test]
    fn sleeping_task_is_woken_once() {
        let mut bench = Bench::open();
        let task = bench.task.clone();
        bench.hold();
        bench.wait(Awaited::Message, &task);
        bench.wait(Awaited::Frame, &task);
        assert!(bench.park());

        bench.post();
        assert_eq!(bench.woken(), (1, 0));
        bench.send();
        assert_eq!(bench.woken(), (0, 0));
    }

    #[test]
    fn other_tasks_are_woken_while_the_session_s_task_runs() {
        let mut bench = Bench::open();
        let other = bench.other.clone();
        bench.hold();
        bench.wait(Awaited::Frame, &other);
        bench.send();
        assert_eq!(bench.woken(), (0, 1));
        // The task does not wait for that.
        assert!(bench.park());
    }

    #[test]
    fn earlier_deadline_and_end_wake_the_sleeping_task() {
        let mut bench = Bench::open();
        bench.hold();
        assert!(bench.park());
        assert_eq!(bench.woken(), (0, 0));
        // The heartbeat was due after 25 s, the disconnect delay is 5 s.
        bench.session.detach(bench.now);
        assert_eq!(bench.woken(), (1, 0));

        bench.hold();
        assert!(bench.park());
        bench
            .session
            .attach(bench.now + Duration::from_secs(1))
            .unwrap();
        assert_eq!(bench.woken(), (0, 0));
        bench.session.abort(CloseReason::NORMAL, Cause::ClosedByApp);
        assert_eq!(bench.woken(), (1, 0));
    }

    #[test]
    fn senders_are_woken_once_for_room() {
        let mut bench = Bench::open();
        let waker = Waker::from(bench.other.clone());
        for _ in 0..2 {
            bench.wakers.add_sender(&Context::from_waker(&waker));
            bench.send();
            assert_eq!(bench.woken(), (0, 0));
            bench.wakers.handle_send_room();
            assert_eq!(bench.woken(), (0, 1));
            assert_eq!(bench.woken(), (0, 0));
        }
        // Room that was there before does not count.
        bench.wakers.handle_send_room();
        bench.wakers.add_sender(&Context::from_waker(&waker));
        assert_eq!(bench.woken(), (0, 0));
    }

    #[test]
    fn task_that_stopped_waiting_is_not_woken() {
        let mut bench = Bench::open();
        let other = bench.other.clone();
        bench.wait(Awaited::Frame, &other);
        bench.wakers.set(Awaited::Frame, None);
        bench.send();
        assert_eq!(bench.woken(), (0, 0));
    }
}
