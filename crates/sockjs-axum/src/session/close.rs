//! The close reasons that this crate adds to those of `sockjs_core`.

use sockjs_core::CloseReason;

/// The mount is shutting down.
pub(crate) const GOING_AWAY: CloseReason = CloseReason::from_static(1001, "Going away");

/// The client violated the WebSocket protocol.
pub(crate) const PROTOCOL_ERROR: CloseReason = CloseReason::from_static(1002, "Protocol error");

/// The client closed its WebSocket without a close code: RFC 6455 §7.1.5.
pub(crate) const NO_STATUS: CloseReason = CloseReason::from_static(1005, "");

/// A WebSocket message was not the JSON that SockJS clients send, or not UTF-8.
pub(crate) const BROKEN_FRAMING: CloseReason = CloseReason::from_static(1007, "Broken framing.");

/// The client sent more than a limit allows.
pub(crate) const TOO_LONG: CloseReason = CloseReason::from_static(1009, "Message too long");

/// The handler of the session returned an error, or panicked.
pub(crate) const HANDLER_FAILED: CloseReason = CloseReason::from_static(1011, "Internal error");
