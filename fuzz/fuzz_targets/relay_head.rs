//! What a node parses of a stranger's request before it checks the signature.

#![no_main]

use http::Request;
use http::header::{CONTENT_TYPE, HeaderValue};
use libfuzzer_sys::fuzz_target;
use sockjs_cluster::fuzz_relay_head;

// The parts of the input are lines: the path and query, the content type, and the header of the call,
// which may follow several times.
fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let Ok(path) = str::from_utf8(lines.next().unwrap_or_default()) else {
        return;
    };
    let request = Request::post(format!("http://node{path}"));
    let Ok(request) = request.body(()) else {
        return;
    };
    let (mut parts, ()) = request.into_parts();
    if let Some(Ok(content_type)) = lines.next().map(HeaderValue::from_bytes) {
        if !content_type.is_empty() {
            parts.headers.insert(CONTENT_TYPE, content_type);
        }
    }
    for line in lines {
        if let Ok(call) = HeaderValue::from_bytes(line) {
            parts.headers.append("sockjs-call", call);
        }
    }
    fuzz_relay_head(&parts);
});
