//! Heart-beats: how often each side has to say something, be it only a line end.

use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until};

/// What the server offers and wishes for. Clients that can afford less are asked for less.
pub(crate) const PERIOD: Duration = Duration::from_secs(1);

/// How many periods a client may be late: the network delays what it sent in time.
const PATIENCE: u32 = 3;

/// The `heart-beat` header of a client: what it can do, and what it wants, zero being nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Wish {
    sends: Duration,
    wants: Duration,
}

impl Wish {
    /// Parses `<milliseconds>,<milliseconds>`.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        let (sends, wants) = header.split_once(',')?;
        let millis = |text: &str| Some(Duration::from_millis(text.parse::<u32>().ok()?.into()));
        Some(Self {
            sends: millis(sends)?,
            wants: millis(wants)?,
        })
    }

    /// How often the server has to send: as often as both can do with.
    fn outgoing(self) -> Option<Duration> {
        (!self.wants.is_zero()).then(|| self.wants.max(PERIOD))
    }

    /// How often the client will send.
    fn incoming(self) -> Option<Duration> {
        (!self.sends.is_zero()).then(|| self.sends.max(PERIOD))
    }
}

/// The two timers of a connection.
#[derive(Debug)]
pub(crate) struct HeartBeat {
    outgoing: Option<Interval>,
    incoming: Option<Duration>,
    heard: Instant,
}

/// What time it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Beat {
    /// The server has to send something.
    Due,
    /// The client did not.
    Missed,
}

impl HeartBeat {
    /// No heart-beats in either direction, as before CONNECT.
    pub(crate) fn none() -> Self {
        Self::new(Wish::default())
    }

    pub(crate) fn new(wish: Wish) -> Self {
        let now = Instant::now();
        Self {
            outgoing: wish.outgoing().map(|period| {
                let mut interval = interval_at(now + period, period);
                interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
                interval
            }),
            incoming: wish.incoming(),
            heard: now,
        }
    }

    /// Takes anything from the client as a sign of life.
    pub(crate) fn heard(&mut self) {
        self.heard = Instant::now();
    }

    /// Waits for the next thing to do. Nothing is lost if the future is dropped.
    pub(crate) async fn next(&mut self) -> Beat {
        let Self {
            outgoing,
            incoming,
            heard,
        } = self;
        let due = async {
            match outgoing {
                Some(interval) => drop(interval.tick().await),
                None => pending().await,
            }
        };
        let missed = async {
            match incoming {
                Some(period) => sleep_until(*heard + *period * PATIENCE).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = due => Beat::Due,
            () = missed => Beat::Missed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(header: &str) -> Wish {
        Wish::parse(header).expect(header)
    }

    #[test]
    fn each_direction_takes_the_slower_side() {
        let slow = Duration::from_secs(10);
        for (header, incoming, outgoing) in [
            ("0,0", None, None),
            ("10000,10000", Some(slow), Some(slow)),
            ("10,10000", Some(PERIOD), Some(slow)),
            ("10000,0", Some(slow), None),
            ("0,1", None, Some(PERIOD)),
        ] {
            assert_eq!(wish(header).incoming(), incoming, "{header}");
            assert_eq!(wish(header).outgoing(), outgoing, "{header}");
        }
    }

    #[test]
    fn other_headers_are_refused() {
        for header in [
            "",
            "1",
            "1,",
            ",1",
            "1,2,3",
            "-1,0",
            "a,b",
            "1, 2",
            "1,99999999999",
        ] {
            assert_eq!(Wish::parse(header), None, "{header}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_beats_and_listens() {
        let mut beat = HeartBeat::new(wish("1000,2000"));
        let start = Instant::now();
        assert_eq!(beat.next().await, Beat::Due);
        assert_eq!(start.elapsed(), 2 * PERIOD);

        beat.heard();
        assert_eq!(beat.next().await, Beat::Due);
        assert_eq!(beat.next().await, Beat::Missed);
        assert_eq!(start.elapsed(), 5 * PERIOD);
    }
}
