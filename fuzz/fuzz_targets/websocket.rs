//! What a WebSocket client sends, in parts, against tungstenite alone.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sockjs_axum::fuzz_websocket;

// The first byte tells how the rest is cut, and how long a message may be.
fuzz_target!(|data: &[u8]| fuzz_websocket(data));
