use std::{fmt::Display, time::Duration};

/// How long a test waits for anything at all. Generous: it is reached only when a test fails.
pub const LIMIT: Duration = Duration::from_secs(20);

/// A delay that no test reaches, for servers whose delays are not what is tested: a slow machine
/// must not look like an absent client.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// Waits for `future`, at most [`LIMIT`].
///
/// # Panics
///
/// When the limit is over, with `what` was waited for.
pub async fn within<F: Future>(what: impl Display, future: F) -> F::Output {
    match tokio::time::timeout(LIMIT, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited {LIMIT:?} for {what}"),
    }
}
