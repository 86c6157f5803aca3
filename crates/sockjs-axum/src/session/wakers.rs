use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use sockjs_core::{Message, Session};

use super::crowd::{Crowd, is_closed, is_open};
use super::line::Ticket;

/// The tasks that wait for something of a session.
///
/// The session's own task looks at everything in each of its runs, and once more before it parks.
/// Therefore nothing that it polls needs a waker of its own, and its own changes wake nobody in
/// vain.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    task: Task,
    /// What the session's task waits for, or a future that it polls. Indexed by [`Awaited`].
    waits: [bool; Awaited::ALL.len()],
    /// The other tasks that wait. Boxed, because between two receive requests there are none, and a
    /// WebSocket never has any.
    others: Option<Box<Others>>,
    /// Boxed, and there only while a task waits, because most sessions never have one.
    crowd: Option<Box<Crowd>>,
}

/// Indexed by [`Awaited`].
type Others = [Option<Waker>; Awaited::ALL.len()];

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
            let waits = &mut self.waits[awaited as usize];
            if *waits && awaited.is_due(session) {
                *waits = false;
                missed = true;
            }
        }
        if missed {
            return Parking::Missed;
        }
        let until = session.poll_timeout();
        self.task.pace = Pace::Parked { until };
        Parking::Until(until)
    }

    /// Returns whether the session's task sleeps. Otherwise it runs, or will.
    pub(super) fn is_parked(&self) -> bool {
        self.task.is_parked()
    }

    /// The task of `cx` waits, or with `None` nobody does.
    pub(super) fn set(&mut self, awaited: Awaited, cx: Option<&Context<'_>>) {
        let waker = cx.map(Context::waker);
        let is_task = waker.is_some_and(|waker| self.task.is(waker));
        self.waits[awaited as usize] = is_task;
        match waker.filter(|_| !is_task) {
            None => {
                if let Some(others) = &mut self.others {
                    others[awaited as usize] = None;
                }
            }
            Some(waker) => match &mut self.others.get_or_insert_default()[awaited as usize] {
                Some(other) => other.clone_from(waker),
                slot => *slot = Some(waker.clone()),
            },
        }
    }

    /// Frees memory that is not needed while no receiver is attached.
    pub(super) fn shrink(&mut self) {
        self.others
            .take_if(|others| others.iter().all(Option::is_none));
    }

    /// Returns whether a message goes into the send buffer at once: nobody waits in line, and the
    /// room is not promised to a sender that was called.
    #[inline]
    pub(super) fn lets_pass(&self, session: &Session, message: &Message) -> bool {
        match &self.crowd {
            None => true,
            Some(crowd) => crowd.lets_pass(session, message),
        }
    }

    /// Puts a message in line for the send buffer. The task of `cx`, if there is one, is woken when
    /// there is room.
    pub(super) fn add_sender(&mut self, message: Message, cx: Option<&Context<'_>>) -> Ticket {
        self.crowd.get_or_insert_default().add_sender(message, cx)
    }

    /// Takes a message back for which there is room now. Until then, the task of `cx` waits.
    pub(super) fn poll_sender(
        &mut self,
        cx: &Context<'_>,
        ticket: Ticket,
    ) -> Poll<Option<Message>> {
        let Some(crowd) = &mut self.crowd else {
            return Poll::Ready(None);
        };
        ready!(crowd.poll_sender(cx, ticket));
        Poll::Ready(self.remove_sender(ticket))
    }

    /// Takes a message back, and the room that was promised to it.
    pub(super) fn remove_sender(&mut self, ticket: Ticket) -> Option<Message> {
        let message = self.crowd.as_mut()?.remove_sender(ticket);
        self.crowd.take_if(|crowd| crowd.is_empty());
        message
    }

    /// The task of `cx` waits for the end of the session. `ticket` is its place in line.
    pub(super) fn set_closer(&mut self, cx: &Context<'_>, ticket: &mut Option<Ticket>) {
        self.crowd.get_or_insert_default().set_closer(cx, ticket);
    }

    pub(super) fn remove_closer(&mut self, ticket: Ticket) {
        if let Some(crowd) = &mut self.crowd {
            crowd.remove_closer(ticket);
        }
        self.crowd.take_if(|crowd| crowd.is_empty());
    }

    /// Takes the waker of another task than the session's that waits for something, although its wait is
    /// not over.
    pub(super) fn take_other(&mut self, awaited: Awaited) -> Option<Waker> {
        self.others.as_mut()?[awaited as usize].take()
    }

    /// Returns whether nobody waits except the session's task, and it runs and looks by itself.
    #[inline]
    pub(super) fn is_left_to_task(&self) -> bool {
        !self.is_parked()
            && self.crowd.is_none()
            && self
                .others
                .as_ref()
                .is_none_or(|others| others.iter().all(Option::is_none))
    }

    /// Takes the wakers of the tasks whose wait is over.
    pub(super) fn take_due(&mut self, session: &Session) -> Due {
        let mut due = Due::default();
        for awaited in Awaited::ALL {
            let index = awaited as usize;
            let other = self.others.as_mut().map(|others| &mut others[index]);
            if let Some(other) = other.filter(|other| other.is_some()) {
                if awaited.is_due(session) {
                    due.extend(other.take());
                }
            } else if self.waits[index] && self.task.is_parked() && awaited.is_due(session) {
                // A running task looks by itself.
                self.waits[index] = false;
                due.extend(self.task.wake());
            }
        }
        if self.task.is_due(session) {
            due.extend(self.task.wake());
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

    fn is_parked(&self) -> bool {
        matches!(self.pace, Pace::Parked { .. })
    }

    fn is(&self, waker: &Waker) -> bool {
        self.waker.as_ref().is_some_and(|it| it.will_wake(waker))
    }

    fn wake(&mut self) -> Option<Waker> {
        self.pace = Pace::Awake;
        self.waker.clone()
    }
}

/// The wakers to wake once the session is unlocked. Nearly always there is one at most.
#[derive(Debug, Default)]
#[must_use]
pub(super) struct Due {
    first: Option<Waker>,
    others: Vec<Waker>,
}

impl Due {
    fn extend(&mut self, waker: Option<Waker>) {
        if self.first.is_none() {
            self.first = waker;
        } else {
            self.others.extend(waker);
        }
    }

    pub(super) fn wake(self) {
        self.first.into_iter().for_each(Waker::wake);
        self.others.into_iter().for_each(Waker::wake);
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
            Self::with_send_buffer(1024 * 1024)
        }

        fn with_send_buffer(send_buffer: usize) -> Self {
            let now = Instant::now();
            let config = SessionConfig::default()
                .with_receive_buffer(1)
                .with_send_buffer(send_buffer)
                .with_frame_limit(10);
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
    fn senders_are_woken_once_half_of_the_send_buffer_is_empty() {
        let mut bench = Bench::with_send_buffer(6 * 65);
        for _ in 0..6 {
            bench.send();
        }
        let waker = Waker::from(bench.other.clone());
        let cx = Context::from_waker(&waker);
        let ticket = bench.wakers.add_sender("x".into(), Some(&cx));
        assert_eq!(bench.woken(), (0, 0));
        // Each frame has two messages. There is room for one more after the first frame.
        bench.session.poll_frame(bench.now).unwrap();
        assert_eq!(bench.woken(), (0, 0));
        bench.session.poll_frame(bench.now).unwrap();
        assert_eq!(bench.woken(), (0, 1));
        bench.session.poll_frame(bench.now).unwrap();
        assert_eq!(bench.woken(), (0, 0));
        assert_eq!(bench.wakers.remove_sender(ticket), Some("x".into()));
        assert!(bench.wakers.crowd.is_none());
    }

    #[test]
    fn task_that_waits_for_something_else_is_not_woken() {
        let mut bench = Bench::open();
        let other = bench.other.clone();
        bench.wait(Awaited::Frame, &other);
        bench.post();
        assert_eq!(bench.woken(), (0, 0));
        bench.send();
        assert_eq!(bench.woken(), (0, 1));
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
