//! From an HTTP request to a session and back: one file a transport, and the files that several share.

mod eventsource;
mod htmlfile;
mod jsonp;
mod jsonp_send;
mod raw_websocket;
mod websocket;
mod xhr;
mod xhr_send;
mod xhr_streaming;

mod receive;
mod send;

mod boundary;
mod close;
mod frames;
mod handshake;
mod protocol;
mod pump;
mod read_buffer;
mod socket;
mod upgrade;
mod whole_frame;

mod answer;
mod beside;
mod body;
mod buffer;
mod relay;
mod stream;
mod upload;

#[cfg(any(test, fuzzing))]
mod differential;

pub(crate) use self::beside::Beside;
pub(crate) use self::body::OwnBody;
pub(crate) use self::buffer::max_form_len;
#[cfg(fuzzing)]
pub use self::differential::fuzz_websocket;
pub(crate) use self::eventsource::eventsource;
pub(crate) use self::handshake::is_extended_connect;
pub(crate) use self::htmlfile::htmlfile;
pub(crate) use self::jsonp::jsonp;
pub(crate) use self::jsonp_send::jsonp_send;
pub(crate) use self::raw_websocket::raw_websocket;
pub(crate) use self::upload::{Bounds, Upload};
pub(crate) use self::websocket::websocket;
pub(crate) use self::xhr::xhr;
pub(crate) use self::xhr_send::xhr_send;
pub(crate) use self::xhr_streaming::xhr_streaming;
