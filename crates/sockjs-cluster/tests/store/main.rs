//! What every store has to do, tried on the one in memory under a paused clock, and on a real Redis
//! server.

#![expect(clippy::unwrap_used, reason = "every line of these files is a test's")]

mod bench;
mod directory;
mod memory;
#[cfg(all(feature = "metrics", feature = "redis"))]
mod metrics;
mod outages;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "redis")]
#[path = "../support/redis_server.rs"]
#[expect(
    unreachable_pub,
    reason = "the file is part of a library of the workspace, too"
)]
mod redis_server;
mod topics;

/// Makes a test of each function for each store.
macro_rules! contract {
    ($($name:ident),+ $(,)?) => {
        mod memory {
            $(
                #[tokio::test(start_paused = true)]
                async fn $name() {
                    super::$name(crate::bench::Bench::memory()).await;
                }
            )+
        }

        #[cfg(feature = "redis")]
        mod redis {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    if let Some(bench) = crate::bench::Bench::redis().await {
                        super::$name(bench).await;
                    }
                }
            )+
        }
    };
}
use contract;
