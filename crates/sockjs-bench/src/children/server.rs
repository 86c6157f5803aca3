//! The servers that are compared.

use std::env;
use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Serialize;

/// What can be started.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Server {
    /// sockjs-axum
    Ours,
    /// axum, hyper and tungstenite with nothing of the protocol's work
    Stack,
    /// sockjs-node
    Node,
    /// The Python server for aiohttp
    Python,
    /// ws for Node.js, which is WebSockets only
    Ws,
    /// Bun's own WebSockets, which are uWebSockets
    Bun,
}

impl Server {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Ours => "sockjs-axum",
            Self::Stack => "the stack alone",
            Self::Node => "sockjs-node 0.3.24",
            Self::Python => "Python sockjs 0.13.0",
            Self::Ws => "ws 8.23.0",
            Self::Bun => "Bun 1.4.5",
        }
    }

    /// Returns whether this program is the server.
    pub(crate) fn is_built_in(self) -> bool {
        matches!(self, Self::Ours | Self::Stack)
    }

    /// Returns whether the server knows the protocol, or at least answers as one that does.
    pub(crate) fn speaks_sockjs(self) -> bool {
        !matches!(self, Self::Ws | Self::Bun)
    }

    /// Returns whether the server is compiled while it runs, and so gets faster at first.
    pub(crate) fn warms_up(self) -> bool {
        matches!(self, Self::Node | Self::Ws | Self::Bun)
    }

    /// Returns the program to start, and its first arguments.
    pub(super) fn program(self) -> io::Result<(PathBuf, &'static [&'static str])> {
        let script = |name| {
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("servers")
                .join(name)
        };
        // The scripts want a port, and 0 is any.
        Ok(match self {
            Self::Ours => (env::current_exe()?, &["serve", "ours"]),
            Self::Stack => (env::current_exe()?, &["serve", "stack"]),
            Self::Node => (script("node/start"), &["0"]),
            Self::Python => (script("python/start"), &["0"]),
            Self::Ws => (script("ws/start"), &["0"]),
            Self::Bun => (script("bun/start"), &["0"]),
        })
    }
}
