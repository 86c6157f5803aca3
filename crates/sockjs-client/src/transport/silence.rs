use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::TransportError;

/// How long the server may be silent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Silence {
    limit: Option<Duration>,
}

impl Silence {
    /// No limit if it is zero.
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit: Some(limit).filter(|it| !it.is_zero()),
        }
    }

    /// Waits for something from the server.
    pub(super) async fn within<T>(
        self,
        something: impl Future<Output = T>,
    ) -> Result<T, TransportError> {
        let Some(limit) = self.limit else {
            return Ok(something.await);
        };
        let mut something = pin!(something);
        loop {
            let deadline = Instant::now() + limit;
            match timeout_at(deadline, &mut something).await {
                Ok(it) => return Ok(it),
                // Timers are not that late. This process stood still, and may find the bytes of the
                // server only when it waits once more.
                Err(_) if deadline.elapsed() > MAX_LATENESS => {}
                Err(_) => return Err(TransportError::TimedOut),
            }
        }
    }
}

const MAX_LATENESS: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;
    use tokio::time::advance;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(120);

    #[tokio::test(start_paused = true)]
    async fn silence_has_an_end() {
        let start = Instant::now();
        let silence = Silence::new(LIMIT).within(std::future::pending::<()>());
        assert!(matches!(silence.await, Err(TransportError::TimedOut)));
        assert_eq!(start.elapsed().as_secs(), 120);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_standstill_the_server_has_the_whole_time_again() {
        let (server, client) = oneshot::channel();
        let waiting = tokio::spawn(Silence::new(LIMIT).within(client));
        tokio::task::yield_now().await;
        advance(5 * LIMIT).await;
        tokio::time::sleep(LIMIT / 2).await;
        server.send("here").unwrap();
        assert!(matches!(waiting.await.unwrap(), Ok(Ok("here"))));
    }
}
