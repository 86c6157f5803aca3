/// A version of STOMP.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Version {
    /// No heart-beats and no escapes, and a subscription needs no id.
    V1_0,
    /// Escapes `\n`, `\c` and `\\` in headers.
    V1_1,
    /// Escapes `\r` too, and lines may end with CR LF.
    V1_2,
}

impl Version {
    /// Returns the version as frames have it: `1.2`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1_0 => "1.0",
            Self::V1_1 => "1.1",
            Self::V1_2 => "1.2",
        }
    }

    /// Chooses the highest version that a client accepts. Clients without the header speak 1.0.
    pub(crate) fn choose(accept_version: Option<&str>) -> Option<Self> {
        let Some(accepted) = accept_version else {
            return Some(Self::V1_0);
        };
        let accepts = |version: &Self| {
            let mut versions = accepted.split(',');
            versions.any(|it| it.trim() == version.as_str())
        };
        [Self::V1_2, Self::V1_1, Self::V1_0]
            .into_iter()
            .find(accepts)
    }
}

/// The names of the versions as subprotocols of a WebSocket, for
/// [`SockJsLayer::protocols`](sockjs_axum::SockJsLayer::protocols).
///
/// Clients that use a WebSocket without SockJS offer them, and give up if the server chooses none. The version
/// itself is agreed on by CONNECT, as over SockJS.
pub const PROTOCOLS: [&str; 3] = ["v12.stomp", "v11.stomp", "v10.stomp"];

/// All versions, as an ERROR lists them.
pub(crate) const SUPPORTED: &str = "1.0,1.1,1.2";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_common_version_is_chosen() {
        for (accepted, version) in [
            (None, Some(Version::V1_0)),
            (Some("1.0"), Some(Version::V1_0)),
            (Some("1.1,1.0"), Some(Version::V1_1)),
            (Some("1.2, 1.1, 1.0"), Some(Version::V1_2)),
            (Some("1.0,1.2,2.0"), Some(Version::V1_2)),
            (Some("2.0"), None),
            (Some(""), None),
        ] {
            assert_eq!(Version::choose(accepted), version, "{accepted:?}");
        }
    }
}
