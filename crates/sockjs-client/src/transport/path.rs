use uuid::Uuid;

/// Where a session is, below the mount.
pub(super) struct Path(String);

impl Path {
    /// The path of a session that nobody can guess.
    pub(super) fn random(server_part: &str) -> Self {
        Self(format!("/{server_part}/{}", Uuid::new_v4().simple()))
    }

    pub(super) fn to(&self, endpoint: &str) -> String {
        format!("{}{endpoint}", self.0)
    }
}
