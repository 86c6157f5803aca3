//! What is on the wire: URLs, headers, pages and refusals. Nothing here knows a session.

pub(crate) mod header;
pub(crate) mod page;
pub(crate) mod reject;
pub(crate) mod route;
