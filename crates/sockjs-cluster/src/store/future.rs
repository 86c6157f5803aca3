use std::future::Future;
use std::pin::Pin;

/// A boxed future, as the traits of this module return it.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Unavailable>> + Send + 'a>>;

/// The store cannot be reached, or does not answer in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the store cannot be reached")]
pub struct Unavailable;
