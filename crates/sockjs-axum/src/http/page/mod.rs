mod greeting;
mod iframe;
mod info;

pub(crate) use self::greeting::greeting;
pub(crate) use self::iframe::Iframe;
pub(crate) use self::info::{entropy, info};
