use super::silence::Silence;

/// What a client accepts from the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The length of a frame.
    pub(crate) frame: usize,
    pub(crate) silence: Silence,
}
