use sockjs_axum::peers::SessionKey;

/// What the keys and channels of a cluster begin with.
#[derive(Clone)]
pub(super) struct Names(Vec<u8>);

impl Names {
    /// The byte after the colon is in no text, so that no namespace is the beginning of another one's
    /// names. The colon is for the patterns of access lists, such as `~chat:*`.
    pub(super) fn new(namespace: &str) -> Self {
        let mut prefix = namespace.as_bytes().to_vec();
        prefix.extend_from_slice(b":\xff");
        Self(prefix)
    }

    pub(super) fn key(&self, session: SessionKey) -> Vec<u8> {
        self.with(&session.0)
    }

    pub(super) fn channel(&self, channel: &[u8]) -> Vec<u8> {
        self.with(channel)
    }

    /// Returns the name of the key that tells an empty store from a new connection. No session has it,
    /// because it is shorter than the keys of sessions.
    pub(super) fn marker(&self) -> Vec<u8> {
        self.with(b"marker")
    }

    /// Returns the length of what all names begin with.
    pub(super) fn prefix_len(&self) -> usize {
        self.0.len()
    }

    fn with(&self, rest: &[u8]) -> Vec<u8> {
        [&self.0[..], rest].concat()
    }
}
