//! `sockjs-client`: against `sockjs-axum` over sockets and in memory, and against servers that do what
//! ours never does.
//!
//! Tests in memory run with a paused clock, so that their delays are exact and cost no time.

mod answers;
mod backpressure;
mod broken;
mod closing;
mod connections;
mod cookies;
mod documented;
mod dropped;
mod echo;
mod picks;
mod places;
mod response_limit;
mod tls;
