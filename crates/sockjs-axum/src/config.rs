use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use sockjs_core::{SessionConfig, Transport};

use crate::http::header::{AllowedOrigins, Cors, JSessionId, NullOriginPolicy, PrivateNetwork};
use crate::session::Binding;

/// The options of a mount, each with the default of the reference server where it has the option.
///
/// The setters on [`SockJsLayer`](crate::SockJsLayer) explain the options.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) session: SessionConfig,
    pub(crate) sockjs_url: String,
    pub(crate) response_limit: usize,
    pub(crate) transports: HashSet<Transport>,
    pub(crate) protocols: Vec<Arc<str>>,
    pub(crate) jsessionid: JSessionId,
    pub(crate) cors: Cors,
    pub(crate) private_network: PrivateNetwork,
    pub(crate) allowed_origins: AllowedOrigins,
    pub(crate) null_origin: NullOriginPolicy,
    pub(crate) binding: Option<Binding>,
    pub(crate) base_url: Option<BaseUrl>,
    pub(crate) message_limit: usize,
    pub(crate) body_limit: usize,
    pub(crate) body_timeout: Duration,
    pub(crate) max_send_requests: usize,
    pub(crate) unknown_session_buffer: usize,
    pub(crate) max_sessions: usize,
    pub(crate) max_per_key: Option<MaxPerKey>,
    pub(crate) max_ended_sessions: usize,
    pub(crate) max_topics: usize,
    pub(crate) handshake_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            session: SessionConfig::default().with_pong_timeout(Duration::from_secs(10)),
            sockjs_url: DEFAULT_SOCKJS_URL.to_owned(),
            response_limit: 128 * 1024,
            transports: Transport::ALL.iter().copied().collect(),
            protocols: Vec::new(),
            jsessionid: JSessionId::off(),
            cors: Cors::Enabled,
            private_network: PrivateNetwork::Refuse,
            allowed_origins: AllowedOrigins::any(),
            null_origin: NullOriginPolicy::Refuse,
            binding: None,
            base_url: None,
            message_limit: 1024 * 1024,
            body_limit: 2 * 1024 * 1024,
            body_timeout: Duration::from_secs(30),
            max_send_requests: 128,
            unknown_session_buffer: 4 * 1024 * 1024,
            max_sessions: usize::MAX,
            max_per_key: None,
            max_ended_sessions: 256 * 1024,
            max_topics: 128,
            handshake_timeout: Duration::from_secs(10),
        }
    }
}

impl Config {
    /// Returns whether `/info` tells clients that they may use WebSocket.
    pub(crate) fn websocket(&self) -> bool {
        self.transports.contains(&Transport::WebSocket)
    }
}

/// How many sessions each client may have at a time.
#[derive(Clone, Debug)]
pub(crate) struct MaxPerKey {
    pub(crate) sessions: usize,
    /// What makes two requests those of one client.
    pub(crate) key: Binding,
}

/// The delays and limits of the sessions of a mount. The sessions share them.
#[derive(Clone, Debug)]
pub(crate) struct SessionConfigs {
    websocket: Arc<SessionConfig>,
    other: Arc<SessionConfig>,
}

impl SessionConfigs {
    pub(crate) fn new(config: &SessionConfig) -> Self {
        Self {
            websocket: Arc::new(config.clone()),
            // Clients of the other transports cannot answer a ping.
            other: Arc::new(config.clone().with_pong_timeout(None)),
        }
    }

    pub(crate) fn of(&self, transport: Transport) -> Arc<SessionConfig> {
        match transport {
            Transport::WebSocket => self.websocket.clone(),
            _ => self.other.clone(),
        }
    }
}

/// The URL at which clients open their sessions, if it is not the URL of the mount.
///
/// It is made from a string, or by [`custom`](Self::custom) if it depends on the request.
#[derive(Clone)]
pub struct BaseUrl(Arc<dyn Fn(&Parts) -> String + Send + Sync>);

impl BaseUrl {
    /// Makes a URL that `url` computes for each `/info` request.
    pub fn custom(url: impl Fn(&Parts) -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(url))
    }

    pub(crate) fn call(&self, parts: &Parts) -> String {
        (self.0)(parts)
    }
}

impl From<String> for BaseUrl {
    fn from(url: String) -> Self {
        Self::custom(move |_| url.clone())
    }
}

impl From<&str> for BaseUrl {
    fn from(url: &str) -> Self {
        Self::from(url.to_owned())
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BaseUrl")
    }
}

/// Most pages load the client from here, and the iframe page must load the same version.
const DEFAULT_SOCKJS_URL: &str = "https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js";
