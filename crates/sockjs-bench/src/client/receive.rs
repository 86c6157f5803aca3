//! The request that asks for frames, again and again the same.

use super::http::Request;

#[derive(Debug)]
pub(super) enum Receive {
    Get(String),
    Post(String),
}

impl Receive {
    pub(super) fn request(&self) -> Request<'_> {
        match self {
            Self::Get(path) => Request::get(path),
            Self::Post(path) => Request::post(path, b""),
        }
    }
}
