mod any_order;
mod any_time;
mod deadlines;
mod delivery;
mod heartbeats;
mod round_trip;
mod table;
mod trial;
mod wakes;

use std::time::Duration;

use super::*;

const GO_AWAY: CloseReason = CloseReason::from_static(3000, "Go away!");
const TOO_LATE: CloseReason = CloseReason::from_static(3001, "Too late!");

const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// A session and the time.
#[derive(Debug)]
struct Bench {
    session: Session,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self::with(SessionConfig::default())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "there is no other first instant; from here on tests move time by hand"
    )]
    fn with(config: SessionConfig) -> Self {
        let now = Instant::now();
        Self {
            session: Session::new(now, config),
            now,
        }
    }

    /// A session whose open frame and [`Event::Opened`] were taken.
    fn open() -> Self {
        Self::open_with(SessionConfig::default())
    }

    fn open_with(config: SessionConfig) -> Self {
        let mut bench = Self::with(config);
        bench.attach();
        assert_eq!(bench.write(), Some(Frame::Open));
        assert_eq!(bench.session.poll_event(), Some(Event::Opened));
        bench
    }

    /// Lets time pass with a timer that is always on time.
    fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.session.poll_timeout().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            self.session.handle_timeout(self.now);
            let next = self.session.poll_timeout();
            assert!(
                next.is_none_or(|next| next > self.now),
                "it is due for ever"
            );
        }
        self.now = end;
    }

    /// Lets time pass until the next deadline, if there is one.
    fn pass_deadline(&mut self) {
        self.advance(self.timeout().unwrap_or_default());
    }

    fn attach(&mut self) {
        assert_eq!(self.session.attach(self.now), Ok(()));
    }

    fn detach(&mut self) {
        self.session.detach(self.now);
    }

    fn complete(&mut self) {
        self.session.handle_complete(self.now);
    }

    fn release(&mut self) {
        self.session.handle_released(self.now);
    }

    fn post(&mut self, text: &str) -> Result<(), ReceiveError> {
        self.session.handle_payload(payload(text))
    }

    fn flush(&mut self) {
        self.session.handle_flushed(self.now);
    }

    fn send(&mut self, text: &str) -> Result<(), SendError> {
        self.session.send(self.now, text.into())
    }

    /// Closes the session as an application does.
    fn close(&mut self) {
        self.session.close(self.now, GO_AWAY, Cause::ClosedByApp);
    }

    /// Takes a frame without flushing it.
    fn take(&mut self) -> Option<Frame> {
        self.session.poll_frame(self.now)
    }

    /// Takes a frame and flushes it.
    fn write(&mut self) -> Option<Frame> {
        let frame = self.take();
        self.flush();
        frame
    }

    /// Returns how long it is until the next deadline.
    fn timeout(&self) -> Option<Duration> {
        self.session.poll_timeout().map(|due| due - self.now)
    }

    fn state(&self) -> SessionState {
        self.session.state()
    }

    fn cause(&self) -> Option<Cause> {
        self.session.ending().map(Ending::cause)
    }

    fn reason(&self) -> Option<&CloseReason> {
        self.session.ending().map(Ending::reason)
    }

    fn undelivered(&self) -> Option<usize> {
        self.session.ending().map(Ending::undelivered)
    }

    /// The whole state of the session as text, to compare it later.
    fn snapshot(&self) -> String {
        format!("{:?}", self.session)
    }
}

fn payload(text: &str) -> Payload {
    Payload::parse(text, usize::MAX).unwrap()
}

fn messages<const N: usize>(texts: [&str; N]) -> Option<Frame> {
    Some(Frame::Messages(texts.map(Message::from).into()))
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
