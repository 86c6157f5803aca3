use redis::{ErrorKind, RedisError};

/// Why [`Redis::connect`](crate::Redis::connect) failed. The message names the setting that is wrong. It
/// has no password in it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is not one of a Redis server.
    #[error("the Redis URL is wrong: {0}")]
    Url(String),
    /// Nothing answers at the host and port of the URL.
    #[error("no Redis server answers at {address}, the address of the Redis URL: {reason}")]
    Unreachable {
        /// The address in the URL.
        address: String,
        /// What went wrong.
        reason: String,
    },
    /// The server does not accept the user and password of the URL, or the URL has none and the server
    /// wants some.
    #[error(
        "the Redis server at {address} refuses the user and password of the Redis URL: {reason}"
    )]
    Auth {
        /// The address in the URL.
        address: String,
        /// What the server says.
        reason: String,
    },
    /// The server does not have the database of the URL.
    #[error("the Redis server at {address} refuses the database number of the Redis URL: {reason}")]
    Database {
        /// The address in the URL.
        address: String,
        /// What the server says.
        reason: String,
    },
    /// The server is older than Redis 7.0.
    #[error("the Redis server at {address} is of version {version}; at least 7.0 is needed")]
    TooOld {
        /// The address in the URL.
        address: String,
        /// The server's version.
        version: String,
    },
    /// The server is no stand-alone one, but a node of a Redis Cluster, or a sentinel.
    #[error(
        "the Redis server at {address} runs in the mode `{mode}`; the Redis URL must lead to a stand-alone \
         server"
    )]
    Mode {
        /// The address in the URL.
        address: String,
        /// The server's mode.
        mode: String,
    },
    /// The server is a replica, which cannot be written to.
    #[error("the Redis server at {address} is a replica; the Redis URL must lead to its primary")]
    Replica {
        /// The address in the URL.
        address: String,
    },
    /// The server gives an answer that it should not give.
    #[error(
        "the server at {address}, the address of the Redis URL, answers unexpectedly: {reason}"
    )]
    Unexpected {
        /// The address in the URL.
        address: String,
        /// What the server says.
        reason: String,
    },
}

impl ConnectError {
    pub(super) fn in_url(error: &RedisError) -> Self {
        let reason = error.to_string();
        Self::Url(if reason.contains("the feature is not enabled") {
            "it asks for TLS, which needs the feature `tls` of sockjs-cluster".to_owned()
        } else {
            reason
        })
    }

    pub(super) fn at(address: &str, error: &RedisError) -> Self {
        let address = address.to_owned();
        let reason = error.to_string();
        if error.kind() == ErrorKind::RESP3NotSupported {
            let version = "below 6".to_owned();
            return Self::TooOld { address, version };
        }
        if reason.contains("switch database") {
            return Self::Database { address, reason };
        }
        match (error.kind(), error.code()) {
            (ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => {
                Self::Auth { address, reason }
            }
            (ErrorKind::Io, _) => Self::Unreachable { address, reason },
            _ => Self::Unexpected { address, reason },
        }
    }
}
