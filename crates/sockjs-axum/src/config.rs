use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use http::request::Parts;
use sockjs_core::{SessionConfig, Transport};

/// The options of a mount, each with the default of the reference server where it has the option.
///
/// What each means stands at its setter on [`SockJsLayer`](crate::SockJsLayer).
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) session: SessionConfig,
    pub(crate) sockjs_url: String,
    pub(crate) response_limit: usize,
    pub(crate) transports: HashSet<Transport>,
    pub(crate) jsessionid: JSessionId,
    pub(crate) cors: Cors,
    pub(crate) base_url: Option<BaseUrl>,
    pub(crate) message_limit: usize,
    pub(crate) body_limit: usize,
    pub(crate) max_sessions: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            session: SessionConfig {
                pong_timeout: Some(std::time::Duration::from_secs(10)),
                ..SessionConfig::default()
            },
            sockjs_url: DEFAULT_SOCKJS_URL.to_owned(),
            response_limit: 128 * 1024,
            transports: Transport::ALL.into_iter().collect(),
            jsessionid: JSessionId::Off,
            cors: Cors::Enabled,
            base_url: None,
            message_limit: 1024 * 1024,
            body_limit: 2 * 1024 * 1024,
            max_sessions: usize::MAX,
        }
    }
}

impl Config {
    /// Returns whether `/info` tells clients that they may use WebSocket.
    pub(crate) fn websocket(&self) -> bool {
        self.transports.contains(&Transport::WebSocket)
    }
}

/// Whether other origins may use the HTTP transports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cors {
    Enabled,
    Disabled,
}

/// The `JSESSIONID` cookie, by which some load balancers keep a client on one server.
///
/// `true` makes a [`Dummy`](Self::Dummy), `false` turns it [`Off`](Self::Off).
#[derive(Clone)]
#[non_exhaustive]
pub enum JSessionId {
    /// No cookie. The default.
    Off,
    /// The cookie the client sent, else `JSESSIONID=dummy; path=/`.
    Dummy,
    /// What a function makes of the request: see [`custom`](Self::custom).
    Custom(CookieFn),
}

impl JSessionId {
    /// Sets the `Set-Cookie` header to what `cookie` returns for a request of a session; to none
    /// for `None`.
    pub fn custom(cookie: impl Fn(&Parts) -> Option<HeaderValue> + Send + Sync + 'static) -> Self {
        Self::Custom(CookieFn(Arc::new(cookie)))
    }
}

impl From<bool> for JSessionId {
    fn from(enabled: bool) -> Self {
        if enabled { Self::Dummy } else { Self::Off }
    }
}

impl fmt::Debug for JSessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "Off",
            Self::Dummy => "Dummy",
            Self::Custom(_) => "Custom",
        })
    }
}

/// A function of [`JSessionId::custom`].
#[derive(Clone)]
pub struct CookieFn(Arc<OfParts<Option<HeaderValue>>>);

/// A function of a request's head.
type OfParts<T> = dyn Fn(&Parts) -> T + Send + Sync;

impl CookieFn {
    pub(crate) fn call(&self, parts: &Parts) -> Option<HeaderValue> {
        (self.0)(parts)
    }
}

impl fmt::Debug for CookieFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieFn")
    }
}

/// Where clients are to open their sessions, if not at the mount itself.
///
/// Made from a string, or by [`custom`](Self::custom) for one that varies by request.
#[derive(Clone)]
pub struct BaseUrl(Arc<OfParts<String>>);

impl BaseUrl {
    /// Computes the URL for each `/info` request.
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

/// The iframe page must load the same version of the client as the page around it, which most take
/// from here.
const DEFAULT_SOCKJS_URL: &str = "https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js";
