use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::{Cluster, Settings};
use crate::outage::OnOutage;
use crate::relay::{Connect, tcp};
use crate::secret::Secrets;
use crate::store::Store;

/// The options of a node: [`Cluster::builder`].
#[must_use = "a builder does nothing until `join` is called"]
pub struct Builder {
    secret: Vec<u8>,
    accepted: Vec<Vec<u8>>,
    key_secret: Option<Vec<u8>>,
    namespace: String,
    advertise: Option<SocketAddr>,
    lease: Duration,
    on_outage: OnOutage,
    connect: Arc<dyn Connect>,
}

impl Cluster {
    /// Begins with the secret that all nodes share: at least 16 bytes, best of a random generator.
    ///
    /// Nodes sign what they say to each other with keys that are derived from it, and the keys of sessions
    /// in the store are made with one. Nobody else may know it.
    pub fn builder(secret: impl AsRef<[u8]>) -> Builder {
        Builder::new(secret.as_ref())
    }
}

impl Builder {
    fn new(secret: &[u8]) -> Self {
        Self {
            secret: secret.to_vec(),
            accepted: Vec::new(),
            key_secret: None,
            namespace: "sockjs".to_owned(),
            advertise: None,
            lease: Duration::from_secs(120),
            on_outage: OnOutage::default(),
            connect: Arc::new(tcp),
        }
    }

    /// Sets the name of the cluster: `sockjs` by default.
    ///
    /// Clusters with different names may share a store and a secret.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Sets the address at which the other nodes reach this one. It is required.
    ///
    /// [`Cluster::serve`] or [`Cluster::service`] must answer there: not the address that listens to
    /// clients, and not one that is shared by several nodes.
    pub fn advertise(mut self, addr: SocketAddr) -> Self {
        self.advertise = Some(addr);
        self
    }

    /// Sets for how long the store remembers a session after its node has died: 120 s by default.
    ///
    /// For that time, the clients of a dead node are told that their sessions are over. A node renews its
    /// leases each third of that time.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets what happens to unknown sessions while the store is away: [`OnOutage::Refuse`] by default.
    pub fn on_outage(mut self, on_outage: OnOutage) -> Self {
        self.on_outage = on_outage;
        self
    }

    /// Accepts what other nodes sign with another secret, so that the secret can be changed while nodes
    /// run.
    ///
    /// 1. Start all nodes anew with the old secret, and accept the new one.
    /// 2. Start all nodes anew with the new secret, accept the old one, and set the old one as
    ///    [`key_secret`](Self::key_secret).
    /// 3. Start all nodes anew without accepting the old one. The key secret stays.
    pub fn accept(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.accepted.push(secret.as_ref().to_vec());
        self
    }

    /// Sets the secret from which the keys of sessions in the store are derived: by default, the secret of
    /// [`Cluster::builder`].
    ///
    /// It must be the same on all nodes, or they do not find each other's sessions.
    pub fn key_secret(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.key_secret = Some(secret.as_ref().to_vec());
        self
    }

    /// Sets how connections to other nodes are made: by default, over TCP without encryption.
    ///
    /// With it and [`Cluster::serve_connection`], nodes talk over TLS. Both ends must speak HTTP/2
    /// without a negotiation.
    pub fn connect_with(mut self, connect: impl Connect) -> Self {
        self.connect = Arc::new(connect);
        self
    }

    /// Joins the cluster.
    ///
    /// The store may be away for the moment. Check [`Cluster::is_connected`] in the health check.
    ///
    /// # Errors
    ///
    /// If an option is wrong. The error names the option.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime.
    #[expect(
        clippy::unused_async,
        reason = "a store may be asked before the first request"
    )]
    pub async fn join(self, store: impl Store) -> Result<Cluster, ConfigError> {
        let addr = self.check()?;
        let mut accepted = vec![self.secret.clone()];
        accepted.extend(self.accepted);
        let key_secret = self.key_secret.as_ref().unwrap_or(&self.secret);
        let secrets = Secrets::new(&self.namespace, &accepted, key_secret);
        let (directory, topics) = store.join(&self.namespace);
        Ok(Cluster::start(Settings {
            secrets,
            addr,
            lease: self.lease,
            on_outage: self.on_outage,
            connect: self.connect,
            directory,
            topics,
        }))
    }

    fn check(&self) -> Result<SocketAddr, ConfigError> {
        let is_short = |secret: &Vec<u8>| secret.len() < MIN_SECRET;
        if is_short(&self.secret) {
            return Err(ConfigError::ShortSecret("builder"));
        }
        if self.accepted.iter().any(is_short) {
            return Err(ConfigError::ShortSecret("accept"));
        }
        if self.key_secret.as_ref().is_some_and(is_short) {
            return Err(ConfigError::ShortSecret("key_secret"));
        }
        if self.namespace.is_empty() || self.namespace.len() > MAX_NAMESPACE {
            return Err(ConfigError::Namespace);
        }
        if self.lease < MIN_LEASE || self.lease > MAX_LEASE {
            return Err(ConfigError::Lease(self.lease));
        }
        let addr = self.advertise.ok_or(ConfigError::NoAddress)?;
        if addr.ip().is_unspecified() || addr.ip().is_multicast() || addr.port() == 0 {
            return Err(ConfigError::Address(addr));
        }
        Ok(addr)
    }
}

/// Leaves the secrets out.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("namespace", &self.namespace)
            .field("advertise", &self.advertise)
            .field("lease", &self.lease)
            .field("on_outage", &self.on_outage)
            .finish_non_exhaustive()
    }
}

/// An option of a [`Builder`] is wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A secret can be guessed.
    #[error("`{0}`: a secret must have at least {MIN_SECRET} bytes, best of a random generator")]
    ShortSecret(
        /// The method that took the secret.
        &'static str,
    ),
    /// The name of the cluster is empty or too long.
    #[error("`namespace`: it must have 1 to {MAX_NAMESPACE} bytes")]
    Namespace,
    /// The lease is too short for its renewal, or longer than anybody wants to wait.
    #[error("`lease`: {0:?} is not between {MIN_LEASE:?} and {MAX_LEASE:?}")]
    Lease(
        /// The lease.
        Duration,
    ),
    /// There is no address for the other nodes.
    #[error("`advertise`: the address at which other nodes reach this one is required")]
    NoAddress,
    /// No other node reaches the address.
    #[error(
        "`advertise`: no other node reaches {0}; it must be an address of this node with a port"
    )]
    Address(
        /// The address.
        SocketAddr,
    ),
}

const MIN_SECRET: usize = 16;

const MAX_NAMESPACE: usize = 128;

const MIN_LEASE: Duration = Duration::from_secs(3);

const MAX_LEASE: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn builder() -> Builder {
        let addr = SocketAddr::from(([127, 0, 0, 1], 80));
        Builder::new(b"0123456789abcdef").advertise(addr)
    }

    /// Limit: secret of a cluster.
    /// Limit: namespace of a cluster.
    /// Limit: lease.
    #[test]
    fn errors_name_the_option_that_is_wrong() {
        let error = |builder: Builder| builder.check().unwrap_err().to_string();
        assert!(builder().check().is_ok());
        let short = Builder::new(b"0123456789abcde");
        assert!(error(short).starts_with("`builder`: a secret"));
        assert!(error(builder().accept("short")).starts_with("`accept`: a secret"));
        assert!(error(builder().key_secret("short")).starts_with("`key_secret`: a secret"));
        assert!(error(builder().namespace("")).starts_with("`namespace`"));
        let without = Builder::new(b"0123456789abcdef");
        assert!(error(without).starts_with("`advertise`: the address"));
        for addr in ["0.0.0.0:80", "[::]:80", "127.0.0.1:0", "224.0.0.1:80"] {
            let addr = addr.parse().unwrap();
            let error = error(builder().advertise(addr));
            assert!(error.starts_with("`advertise`: no other node"), "{error}");
        }
        for lease in [Duration::ZERO, Duration::MAX] {
            assert!(error(builder().lease(lease)).starts_with("`lease`"));
        }
    }

    #[test]
    fn debug_output_has_no_secret() {
        let builder = builder()
            .accept("01-second-------")
            .key_secret("01-third--------");
        let text = format!("{builder:?}");
        for beginning in ["01", "48, 49", "30, 31"] {
            assert!(!text.contains(beginning), "{text}");
        }
    }
}
