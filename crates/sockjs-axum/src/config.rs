use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use sockjs_core::{SessionConfig, Transport};

use crate::http::header::origin::{AllowedOrigins, NullOrigin};
use crate::session::binding::Binding;

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
    pub(crate) allowed_origins: AllowedOrigins,
    pub(crate) null_origin: NullOrigin,
    pub(crate) binding: Option<Binding>,
    pub(crate) base_url: Option<BaseUrl>,
    pub(crate) message_limit: usize,
    pub(crate) body_limit: usize,
    pub(crate) max_sessions: usize,
    pub(crate) handshake_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            session: SessionConfig::default().with_pong_timeout(Duration::from_secs(10)),
            sockjs_url: DEFAULT_SOCKJS_URL.to_owned(),
            response_limit: 128 * 1024,
            transports: Transport::ALL.iter().copied().collect(),
            jsessionid: JSessionId::off(),
            cors: Cors::Enabled,
            allowed_origins: AllowedOrigins::any(),
            null_origin: NullOrigin::Refused,
            binding: None,
            base_url: None,
            message_limit: 1024 * 1024,
            body_limit: 2 * 1024 * 1024,
            max_sessions: usize::MAX,
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

/// The delays and limits of sessions, which those of a mount share.
#[derive(Clone, Debug)]
pub(crate) struct SessionConfigs {
    websocket: Arc<SessionConfig>,
    other: Arc<SessionConfig>,
}

impl SessionConfigs {
    pub(crate) fn new(config: &SessionConfig) -> Self {
        Self {
            websocket: Arc::new(config.clone()),
            // Nobody else is asked for a pong, or has a way to answer.
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

/// Whether other origins may use the HTTP transports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cors {
    Enabled,
    Disabled,
}

/// The `JSESSIONID` cookie, by which some load balancers keep a client on one server.
///
/// `true` makes a [`dummy`](Self::dummy), `false` turns it [`off`](Self::off).
///
/// # Example
///
/// Pages of other sites get a cookie only with these attributes.
///
/// ```
/// use sockjs_axum::{JSessionId, SameSite, SockJsLayer};
///
/// let cookie = JSessionId::dummy().secure(true).same_site(SameSite::None);
/// let layer = SockJsLayer::<()>::new("/echo").jsessionid(cookie);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct JSessionId {
    pub(crate) value: CookieValue,
    pub(crate) attributes: Attributes,
}

/// What a cookie's value is.
#[derive(Clone)]
pub(crate) enum CookieValue {
    Off,
    Dummy,
    Custom(Arc<OfParts<Option<String>>>),
}

/// What follows a cookie's value.
#[derive(Clone, Debug)]
pub(crate) struct Attributes {
    pub(crate) path: String,
    pub(crate) secure: bool,
    pub(crate) http_only: bool,
    pub(crate) same_site: Option<SameSite>,
}

impl JSessionId {
    /// No cookie. The default.
    pub fn off() -> Self {
        Self::with_value(CookieValue::Off)
    }

    /// The value that the client sent, else `dummy`.
    pub fn dummy() -> Self {
        Self::with_value(CookieValue::Dummy)
    }

    /// The value that `value` returns for a request of a session; no cookie for `None`, or if it
    /// has a character that cookies may not have.
    pub fn custom(value: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        Self::with_value(CookieValue::Custom(Arc::new(value)))
    }

    /// Sets the attribute `Path`. Default: `/`. Semicolons and control characters are left out.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.attributes.path = path.into();
        self.attributes
            .path
            .retain(|c| c != ';' && !c.is_control() && c.is_ascii());
        self
    }

    /// Sets the attribute `Secure`: only over HTTPS. Default: `false`.
    pub fn secure(mut self, secure: bool) -> Self {
        self.attributes.secure = secure;
        self
    }

    /// Sets the attribute `HttpOnly`: not for scripts. Default: `false`.
    pub fn http_only(mut self, http_only: bool) -> Self {
        self.attributes.http_only = http_only;
        self
    }

    /// Sets the attribute `SameSite`. Default: none, which browsers take for
    /// [`Lax`](SameSite::Lax): pages of other sites then do not send the cookie.
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.attributes.same_site = Some(same_site);
        self
    }

    fn with_value(value: CookieValue) -> Self {
        let attributes = Attributes {
            path: "/".to_owned(),
            secure: false,
            http_only: false,
            same_site: None,
        };
        Self { value, attributes }
    }
}

impl From<bool> for JSessionId {
    fn from(enabled: bool) -> Self {
        if enabled { Self::dummy() } else { Self::off() }
    }
}

impl fmt::Debug for CookieValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "Off",
            Self::Dummy => "Dummy",
            Self::Custom(_) => "Custom",
        })
    }
}

/// When a browser sends a cookie along with requests of other sites.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SameSite {
    /// Never.
    Strict,
    /// When the user follows a link.
    Lax,
    /// Always; browsers want it [`secure`](JSessionId::secure) then.
    None,
}

/// A function of a request's head.
pub(crate) type OfParts<T> = dyn Fn(&Parts) -> T + Send + Sync;

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
