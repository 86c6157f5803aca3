use std::error::Error;

/// The error of a body, of any type.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;
