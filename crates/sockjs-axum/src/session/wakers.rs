use std::mem;
use std::task::{Context, Waker};
use std::time::Instant;

use sockjs_core::{Session, SessionState};

/// Who waits for a session, and for what.
///
/// The session's task looks at everything whenever it runs, and once more before it parks. So what
/// waits within it needs no waker of its own, and what it does itself wakes nobody in vain.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    task: Task,
    /// Who sends frames to the client: waits for a frame.
    receiver: Slot,
    /// Who receives messages in the application: waits for one.
    reader: Slot,
    /// Who takes payloads from the client, one at a time: waits for room.
    poster: Slot,
    /// Made once there is somebody, as most sessions never have anyone.
    crowd: Option<Box<Crowd>>,
}

/// What the session's task is told when it wants to sleep.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Parking {
    /// It is woken for whatever concerns it, a deadline before `until` included.
    Granted { until: Option<Instant> },
    /// Something happened since it looked.
    Refused,
}

impl Wakers {
    /// The session's task runs, until it [parks](Self::park).
    pub(crate) fn hold(&mut self, cx: &Context<'_>) {
        match &mut self.task.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            slot => *slot = Some(cx.waker().clone()),
        }
        self.task.pace = Pace::Awake;
    }

    pub(crate) fn park(&mut self, session: &Session) -> Parking {
        let missed = [
            self.receiver.take_task(wants_receiver(session)),
            self.reader.take_task(wants_reader(session)),
            self.poster.take_task(wants_poster(session)),
        ];
        if missed.contains(&true) {
            return Parking::Refused;
        }
        let until = session.poll_timeout();
        self.task.pace = Pace::Parked { until };
        Parking::Granted { until }
    }

    /// The receiver waits, or with `None` it does not.
    pub(crate) fn set_receiver(&mut self, cx: Option<&Context<'_>>) {
        self.receiver.set(cx, &self.task);
    }

    /// The reader waits, or with `None` it does not.
    pub(crate) fn set_reader(&mut self, cx: Option<&Context<'_>>) {
        self.reader.set(cx, &self.task);
    }

    /// The poster waits, or with `None` it does not.
    pub(crate) fn set_poster(&mut self, cx: Option<&Context<'_>>) {
        self.poster.set(cx, &self.task);
    }

    pub(crate) fn add_sender(&mut self, cx: &Context<'_>) {
        self.crowd.get_or_insert_default().senders.add(cx);
    }

    pub(crate) fn add_closer(&mut self, cx: &Context<'_>) {
        self.crowd.get_or_insert_default().closers.add(cx);
    }

    /// Returns whether nobody waits but the session's task, which runs and looks by itself.
    #[inline]
    pub(crate) fn is_left_to_task(&self) -> bool {
        let Self {
            task,
            receiver,
            reader,
            poster,
            crowd,
        } = self;
        !matches!(task.pace, Pace::Parked { .. })
            && !matches!(receiver, Slot::Other(_))
            && !matches!(reader, Slot::Other(_))
            && !matches!(poster, Slot::Other(_))
            && crowd.as_deref().is_none_or(Crowd::is_empty)
    }

    /// Takes the wakers of all whose wait is over.
    pub(crate) fn take_due(&mut self, session: &Session) -> Due {
        let mut due = Due::default();
        if self.receiver.waits() && wants_receiver(session) {
            due.receiver = self.receiver.take(&mut self.task);
        }
        if self.reader.waits() && wants_reader(session) {
            due.reader = self.reader.take(&mut self.task);
        }
        if self.poster.waits() && wants_poster(session) {
            due.poster = self.poster.take(&mut self.task);
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

fn wants_receiver(session: &Session) -> bool {
    session.has_frame() || is_closed(session)
}

fn wants_reader(session: &Session) -> bool {
    session.has_messages() || is_closed(session)
}

fn wants_poster(session: &Session) -> bool {
    session.has_room() || !is_open(session)
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
    /// Runs, or was made or woken and will.
    #[default]
    Awake,
    /// Sleeps, until its timer wakes it if nobody else does.
    Parked { until: Option<Instant> },
}

impl Task {
    /// Returns whether it sleeps too long.
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

/// One who may wait.
#[derive(Debug, Default)]
enum Slot {
    #[default]
    Nobody,
    /// The session's task, or what it polls.
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

    /// Takes who waits; the session's task only where it sleeps, as it looks by itself otherwise.
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

    /// Takes the session's task, if it waits here and `is_due`.
    fn take_task(&mut self, is_due: bool) -> bool {
        let takes = is_due && matches!(self, Self::Task);
        if takes {
            *self = Self::Nobody;
        }
        takes
    }
}

/// Who is to be woken.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Due {
    task: Option<Waker>,
    receiver: Option<Waker>,
    reader: Option<Waker>,
    poster: Option<Waker>,
    others: Vec<Waker>,
}

impl Due {
    pub(crate) fn wake(self) {
        for waker in [self.task, self.receiver, self.reader, self.poster] {
            waker.into_iter().for_each(Waker::wake);
        }
        self.others.into_iter().for_each(Waker::wake);
    }
}

/// Those of whom there may be many.
#[derive(Debug, Default)]
struct Crowd {
    /// Who sends messages in the application: wait for room.
    senders: WakerSet,
    /// Wait for the end.
    closers: WakerSet,
}

impl Crowd {
    fn is_empty(&self) -> bool {
        self.senders.0.is_empty() && self.closers.0.is_empty()
    }

    fn take_due(&mut self, session: &Session, due: &mut Vec<Waker>) {
        if !is_open(session) || session.unsent() == 0 {
            due.append(&mut self.senders.0);
        }
        if is_closed(session) {
            due.append(&mut self.closers.0);
        }
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

    /// A session whose open frame is sent and heard of, with its task, and somebody else.
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
            matches!(self.wakers.park(&self.session), Parking::Granted { .. })
        }

        /// Lets the task, or else somebody else, wait.
        fn wait(&mut self, wait: fn(&mut Wakers, Option<&Context<'_>>), who: &Arc<Sleeper>) {
            let waker = Waker::from(who.clone());
            wait(&mut self.wakers, Some(&Context::from_waker(&waker)));
        }

        fn post(&mut self) {
            let payload = Payload::raw("x", 1).unwrap();
            self.session.handle_payload(payload).unwrap();
        }

        fn send(&mut self) {
            self.session.send(self.now, "x".into()).unwrap();
        }

        /// Wakes who is due and returns how often the task and the other one were woken since.
        fn woken(&mut self) -> (usize, usize) {
            if !self.wakers.is_left_to_task() {
                self.wakers.take_due(&self.session).wake();
            }
            let count = |it: &Sleeper| it.0.swap(0, Ordering::Relaxed);
            (count(&self.task), count(&self.other))
        }
    }

    #[test]
    fn task_that_runs_is_not_woken_but_looks_again() {
        let mut bench = Bench::open();
        let task = bench.task.clone();
        bench.hold();
        bench.wait(Wakers::set_reader, &task);
        bench.wait(Wakers::set_receiver, &task);
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
    fn room_for_the_task_s_own_payloads_is_seen_before_it_sleeps() {
        let mut bench = Bench::open();
        let task = bench.task.clone();
        bench.hold();
        bench.post();
        bench.wait(Wakers::set_poster, &task);
        assert!(bench.park());

        bench.hold();
        bench.session.poll_event().unwrap();
        assert_eq!(bench.woken(), (0, 0));
        assert!(!bench.park());
    }

    #[test]
    fn task_that_sleeps_is_woken_once() {
        let mut bench = Bench::open();
        let task = bench.task.clone();
        bench.hold();
        bench.wait(Wakers::set_reader, &task);
        bench.wait(Wakers::set_receiver, &task);
        assert!(bench.park());

        bench.post();
        assert_eq!(bench.woken(), (1, 0));
        bench.send();
        assert_eq!(bench.woken(), (0, 0));
    }

    #[test]
    fn others_are_woken_while_the_task_runs() {
        let mut bench = Bench::open();
        let other = bench.other.clone();
        bench.hold();
        bench.wait(Wakers::set_receiver, &other);
        bench.send();
        assert_eq!(bench.woken(), (0, 1));
        // The task does not wait for that.
        assert!(bench.park());
    }

    #[test]
    fn earlier_deadline_and_end_wake_the_task() {
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
    fn whoever_does_not_wait_any_more_is_left_alone() {
        let mut bench = Bench::open();
        let other = bench.other.clone();
        bench.wait(Wakers::set_receiver, &other);
        bench.wakers.set_receiver(None);
        bench.send();
        assert_eq!(bench.woken(), (0, 0));
    }
}
