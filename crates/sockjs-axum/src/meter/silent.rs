use std::sync::Arc;

use sockjs_core::{Ending, Frame, Payload, Transport};

#[derive(Debug)]
pub(crate) struct Meter;

impl Meter {
    pub(crate) fn new(_: Arc<str>, _: Transport) -> Self {
        Self
    }

    pub(crate) fn opened(&self) {}

    pub(crate) fn attached(&self, _: Transport) {}

    pub(crate) fn closed(&self, _: &Ending) {}

    pub(crate) fn sent(&self, _: &Frame, _: usize) {}

    pub(crate) fn received(&self, _: Volume) {}
}

/// How many messages and bytes of text a payload contains: not counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Volume;

impl Volume {
    pub(crate) fn of(_: &Payload) -> Self {
        Self
    }
}

pub(crate) fn refused(_: &Arc<str>, _: &'static str) {}
