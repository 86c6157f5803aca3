mod greeting;
mod iframe;
mod info;

pub(crate) use greeting::greeting;
pub(crate) use iframe::Iframe;
pub(crate) use info::info;
