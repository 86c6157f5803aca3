//! What is counted. Without the feature `metrics`, nothing is, at no cost.

#[cfg(feature = "metrics")]
mod facade;
#[cfg(not(feature = "metrics"))]
mod silent;

#[cfg(feature = "metrics")]
pub(crate) use facade::{Meter, Volume, refused};
#[cfg(not(feature = "metrics"))]
pub(crate) use silent::{Meter, Volume, refused};
