use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, ProtocolVersion, PushInfo,
    PushKind, RedisError, RedisResult, Value, cmd,
};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::error::ConnectError;
use crate::store::meter;
use crate::throttle::Throttle;

/// Where a server is, and how to log in to it.
#[derive(Clone)]
pub(super) struct Server {
    client: Client,
    address: String,
}

/// A connection.
pub(super) struct Link {
    pub(super) connection: MultiplexedConnection,
    end: Arc<Notify>,
}

/// A task that ends when this is dropped.
#[derive(Debug)]
pub(super) struct Task(JoinHandle<()>);

/// Makes a connection again and again.
pub(super) struct Connector {
    purpose: Purpose,
    /// When it was made last.
    last: Option<Instant>,
    throttle: Throttle,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    Directory,
    Publishing,
    Subscribing,
}

impl Server {
    pub(super) fn new(url: &str) -> Result<Self, ConnectError> {
        let wrong = |error: RedisError| ConnectError::in_url(&error);
        let info = url.into_connection_info().map_err(wrong)?;
        let login = info.redis_settings().clone();
        let login = login
            // Then a connection reports its end, and can subscribe and ask at the same time.
            .set_protocol(ProtocolVersion::RESP3)
            .set_lib_name(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        let tcp = info.tcp_settings().clone().set_nodelay(true);
        let address = match info.addr() {
            ConnectionAddr::Unix(path) => path.display().to_string(),
            addr => addr.to_string(),
        };
        let info = info.set_redis_settings(login).set_tcp_settings(tcp);
        let client = Client::open(info).map_err(wrong)?;
        Ok(Self { client, address })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Connects. `on_message` gets the messages of subscribed channels, and must not block.
    pub(super) async fn connect(
        &self,
        answer_timeout: Duration,
        on_message: impl Fn(Vec<Value>) + Send + Sync + 'static,
    ) -> RedisResult<Link> {
        let end = Arc::new(Notify::new());
        let notify = end.clone();
        let on_push = move |info: PushInfo| {
            match info.kind {
                PushKind::Disconnection => notify.notify_one(),
                PushKind::Message => on_message(info.data),
                _ => {}
            }
            Ok::<_, std::convert::Infallible>(())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(Some(answer_timeout))
            .set_push_sender(on_push);
        let connect = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let connection = timeout(CONNECT_TIMEOUT, connect)
            .await
            .map_err(too_late)??;
        Ok(Link { connection, end })
    }
}

impl Connector {
    pub(super) fn new(purpose: Purpose) -> Self {
        Self {
            purpose,
            last: None,
            throttle: Throttle::default(),
        }
    }

    /// Makes attempts to connect until one succeeds. `connect` makes one attempt, and `on_failure` hears
    /// of the first one that fails.
    ///
    /// A new attempt begins although the last one still waits, so that a server that is there again is
    /// found within [`LONGEST_STEP`].
    pub(super) async fn connect<T, F>(
        &mut self,
        connect: impl Fn() -> F,
        on_failure: impl FnOnce(),
    ) -> T
    where
        F: Future<Output = RedisResult<T>>,
    {
        // A server may accept every connection and break it at once.
        if let Some(last) = self.last {
            sleep_until(last + LONGEST_STEP).await;
        }
        let mut on_failure = Some(on_failure);
        let mut is_logged = false;
        let mut attempts = FuturesUnordered::new();
        let mut step = FIRST_STEP;
        let done = loop {
            attempts.push(connect());
            let next = timeout(step, async {
                loop {
                    match attempts.next().await {
                        Some(Ok(done)) => return done,
                        Some(Err(error)) => {
                            is_logged = self.log(&error, is_logged);
                            if let Some(on_failure) = on_failure.take() {
                                on_failure();
                            }
                        }
                        None => std::future::pending().await,
                    }
                }
            });
            if let Ok(done) = next.await {
                break done;
            }
            step = (step * 2).min(LONGEST_STEP);
        };
        if self.last.is_some() {
            tracing::info!(purpose = self.purpose.as_str(), "connected to Redis again");
        }
        meter::connected(self.purpose.as_str());
        self.last = Some(Instant::now());
        done
    }

    /// Logs a failure: once for each outage, and each minute once if the server is there for a moment again
    /// and again. Returns whether this outage is logged.
    fn log(&self, error: &RedisError, is_logged: bool) -> bool {
        let purpose = self.purpose.as_str();
        let warns = !is_logged && self.throttle.passes("cannot_connect");
        if warns {
            tracing::warn!(purpose, %error, "cannot connect to Redis");
        } else {
            tracing::debug!(purpose, %error, "cannot connect to Redis");
        }
        is_logged || warns
    }
}

impl Link {
    /// Waits for the end of the connection.
    pub(super) async fn ended(&self) {
        self.end.notified().await;
    }

    /// Asks for a sign of life.
    pub(super) async fn ping(&self) -> RedisResult<()> {
        cmd("PING").exec_async(&mut self.connection.clone()).await
    }
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Publishing => "publishing",
            Self::Subscribing => "subscribing",
        }
    }
}

impl Task {
    pub(super) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(future))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn too_late(_: tokio::time::error::Elapsed) -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

/// For how long one attempt to connect and to log in is waited for.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The waits between two attempts to connect: the first, and the longest.
const FIRST_STEP: Duration = Duration::from_millis(25);
const LONGEST_STEP: Duration = Duration::from_millis(250);

/// After how much silence a connection is asked for a sign of life.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use redis::ErrorKind;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn outage_soon_after_another_is_logged_if_it_lasts() {
        let warnings = Arc::new(AtomicUsize::new(0));
        let count = warnings.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::WARN)
            .with_writer(move || {
                count.fetch_add(1, Ordering::Relaxed);
                io::sink()
            })
            .finish();
        let _default = tracing::subscriber::set_default(subscriber);
        let mut connector = Connector::new(Purpose::Directory);
        // How long the server is away, and how many warnings there are after that.
        for (seconds, expected) in [(5, 1), (5, 1), (300, 2)] {
            let there_at = Instant::now() + Duration::from_secs(seconds);
            let connect = || async move {
                if Instant::now() < there_at {
                    return Err((ErrorKind::Io, "nobody is there").into());
                }
                Ok(())
            };
            connector.connect(connect, || {}).await;
            assert_eq!(warnings.load(Ordering::Relaxed), expected);
        }
    }
}
