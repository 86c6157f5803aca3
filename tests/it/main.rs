//! What the server does on the wire, as raw bytes; one module per topic.
//!
//! A module with the name of a transport tests that transport. The module `receive` has the tests
//! that run for each receive transport. A line such as `/// P12: …` above a test names the rule of
//! `docs/protocol.md` that the test proves.

mod callback;
mod receive;

mod backpressure;
mod binding;
mod bodies;
mod causes;
mod cookie;
mod cookie_attributes;
mod cors;
mod edges;
mod ended;
mod eventsource;
mod extractors;
mod frame_limit;
mod greeting;
mod handle;
mod handles;
mod headers;
mod htmlfile;
mod http2;
mod http_versions;
mod iframe;
mod info;
mod json;
mod jsonp;
mod jsonp_send;
mod layer;
mod layout;
mod limits;
mod many;
mod middleware;
mod observability;
mod opening;
mod origins;
mod peers;
mod pitfalls;
mod privacy;
mod raw_websocket;
mod rules;
mod sessions;
mod sessions_per_key;
mod shutdown;
mod signatures;
mod standstill;
mod strings;
mod test_server;
mod timing;
mod token_auth;
mod urls;
mod websocket;
mod websocket_h2;
mod xhr;
mod xhr_send;
mod xhr_streaming;
