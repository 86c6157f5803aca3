//! Metrics. Without the feature `metrics`, the types here are empty and cost nothing.

#[cfg(feature = "metrics")]
mod facade;
#[cfg(not(feature = "metrics"))]
mod silent;

#[cfg(feature = "metrics")]
pub(crate) use facade::{Meter, Volume, refused};
#[cfg(not(feature = "metrics"))]
pub(crate) use silent::{Meter, Volume, refused};
