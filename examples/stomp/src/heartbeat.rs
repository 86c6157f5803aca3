//! Heart-beats: how often each side has to say something, be it only a line end.

use std::future::{Future, pending};
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until};

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

    /// How often the server has to send: as often as both can do with. The server itself offers and wants
    /// `period`.
    fn outgoing(self, period: Duration) -> Option<Duration> {
        agree(self.wants, period)
    }

    /// How often the client will send.
    fn incoming(self, period: Duration) -> Option<Duration> {
        agree(self.sends, period)
    }
}

/// Returns the longer period, or `None` if one side has none.
fn agree(client: Duration, server: Duration) -> Option<Duration> {
    let both = !client.is_zero() && !server.is_zero();
    both.then(|| client.max(server))
}

/// The two timers of a connection.
#[derive(Debug)]
pub(crate) struct HeartBeat {
    outgoing: Option<Interval>,
    incoming: Option<Duration>,
    heard: Instant,
}

impl HeartBeat {
    /// No heart-beats in either direction, as before CONNECT.
    pub(crate) fn none() -> Self {
        Self::new(Wish::default(), Duration::ZERO)
    }

    pub(crate) fn new(wish: Wish, period: Duration) -> Self {
        let now = Instant::now();
        Self {
            outgoing: wish.outgoing(period).map(|period| {
                let mut interval = interval_at(now + period, period);
                interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
                interval
            }),
            incoming: wish.incoming(period),
            heard: now,
        }
    }

    /// Takes anything from the client as a sign of life.
    pub(crate) fn heard(&mut self) {
        self.heard = Instant::now();
    }

    /// Returns two futures: the first is ready when the server has to send something, the second when the
    /// client is late. Nothing is lost if they are dropped.
    pub(crate) fn timers(&mut self) -> (impl Future<Output = ()>, impl Future<Output = ()>) {
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
        (due, missed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(1);

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
            assert_eq!(wish(header).incoming(PERIOD), incoming, "{header}");
            assert_eq!(wish(header).outgoing(PERIOD), outgoing, "{header}");
            assert_eq!(wish(header).outgoing(Duration::ZERO), None, "{header}");
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
        let mut beat = HeartBeat::new(wish("1000,2000"), PERIOD);
        let start = Instant::now();
        beat.timers().0.await;
        assert_eq!(start.elapsed(), 2 * PERIOD);

        beat.heard();
        beat.timers().0.await;
        beat.timers().1.await;
        assert_eq!(start.elapsed(), 5 * PERIOD);
    }
}
