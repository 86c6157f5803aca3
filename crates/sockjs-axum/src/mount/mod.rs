//! The sessions of one mount: how they are opened, found, counted and ended.

pub(crate) mod admission;
mod ended;
mod filed;
pub(crate) mod handle;
pub(crate) mod registry;
pub(crate) mod task;
