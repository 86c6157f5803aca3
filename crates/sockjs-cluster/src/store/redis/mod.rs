mod check;
mod directory;
mod error;
mod marker;
mod names;
mod publisher;
mod server;
mod subscriber;
mod topics;
mod value;

use std::fmt;
use std::sync::Arc;

pub use self::error::ConnectError;

use self::check::check;
use self::directory::RedisDirectory;
use self::names::Names;
use self::server::Server;
use self::topics::RedisTopics;
use super::directory::Directory;
use super::join::Store;
use super::topics::Topics;

/// A store in a Redis or Valkey server of version 7.0 or later.
///
/// The server is a stand-alone one, or the primary of several. Redis Cluster is refused. Nothing needs to
/// be kept on disk: a server that restarts empty has all entries again within 1.5 s. Its
/// `maxmemory-policy` must be `noeviction`, because a session whose entry is removed may be opened twice.
///
/// Each cluster that a node [joins](Store::join) takes three connections: for the directory, to publish,
/// and to subscribe. A connection that is lost is made again, with at most 250 ms between two attempts. The
/// commands are `SET`, `GET`, `EVAL` (whose scripts use `DEL`, `GET`, `PEXPIRE`, `SET` and `TIME`),
/// `PUBLISH`, `SUBSCRIBE`, `UNSUBSCRIBE`, `PING` and `HELLO`, and if it is allowed `INFO`. All keys and
/// channels begin with the namespace and a colon. One key, the marker, stays for ever.
///
/// Keys must not be removed by hand. If all of them are, it is noticed within 2 s, and handled as a restart.
///
/// # Limits
///
/// - Messages to be published wait up to 8 MiB; more are refused.
/// - Messages that were received wait for [`Topics::recv`] up to 16 MiB; more are lost.
/// - A message counts 128 bytes more than its text and the name of its channel. A message that is larger
///   than the limit is let through when no other one waits.
///
/// # Metrics
///
/// With the feature `metrics`:
///
/// | Name | Type | Labels | What it is |
/// |---|---|---|---|
/// | `sockjs_cluster_store_command_seconds` | histogram | `command` | how long a claim, look-up, renewal of up to 256 leases, or release took, with all attempts |
/// | `sockjs_cluster_store_connections_total` | counter | `purpose` | connections made: `directory`, `publishing`, `subscribing` |
/// | `sockjs_cluster_store_messages_lost_total` | counter | `reason` | messages that were `not_published`, messages for which the inbox was `full`, and times that the subscriptions were `disconnected` |
#[derive(Clone)]
pub struct Redis(Arc<Server>);

impl Redis {
    /// Connects to the server of a URL, and checks that it can be used.
    ///
    /// The URL is `redis://[user[:password]@]host[:port][/database]`, or with `rediss` to use TLS, which
    /// needs the feature `tls`, or `unix:///path/to/socket`. Certificates are checked against those of
    /// the operating system. TLS uses the provider that the process has installed as rustls's default, or
    /// ring.
    ///
    /// It makes one attempt, of at most 6 s. Channels belong to no database: clusters that share a server
    /// need different namespaces even if they use different databases.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] says which setting is wrong.
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        let server = Server::new(url)?;
        check(&server).await?;
        Ok(Self(Arc::new(server)))
    }
}

impl Store for Redis {
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    fn join(&self, namespace: &str) -> (Arc<dyn Directory>, Arc<dyn Topics>) {
        let names = Names::new(namespace);
        let directory = RedisDirectory::new(self.0.clone(), names.clone());
        let topics = RedisTopics::new(self.0.clone(), names);
        (Arc::new(directory), Arc::new(topics))
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("address", &self.0.address())
            .finish_non_exhaustive()
    }
}
