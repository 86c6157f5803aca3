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
