use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use sockjs_core::{SessionConfig, Transport};
use tower_layer::Layer;

use crate::config::{BaseUrl, Config};
use crate::http::header::{AllowedOrigins, Cors, JSessionId, NullOriginPolicy};
use crate::mount::{Mount, Registry, SockJsHandle};
use crate::service::{NotFound, SockJs};
use crate::session::{Binding, ErasedHandler, SessionHandler, echo};

/// Answers SockJS requests under a prefix, and passes all others on to the inner service.
///
/// [`new`](Self::new) makes a complete layer, whose sessions echo, so that a mount can be tried at
/// once; [`on_session`](Self::on_session) sets what sessions really do. All other methods are
/// options. Clones are the same mount: they share their sessions.
///
/// A session belongs to its mount. Two mounts know nothing of each other's sessions, even under
/// the same session id.
///
/// # Example: two mounts
///
/// The prefix is taken literally and ends at a path segment: `/echo` does not match `/echoes`.
///
/// ```
/// use axum::Router;
/// use axum::routing::get;
/// use sockjs_axum::{Session, SockJsLayer};
///
/// let app: Router = Router::new()
///     .route("/", get(|| async { "hello" }))
///     .layer(SockJsLayer::new("/echo"))
///     .layer(SockJsLayer::new("/bye").on_session(async |session: Session| {
///         session.close(3000, "Go away!");
///     }));
/// ```
///
/// # Where a router does not reach its layers
///
/// axum applies a layer to the routes and the fallback a router has when
/// [`layer`](axum::Router::layer) is called, and nested routers without a fallback of their own use
/// the outer one's. So a layer on a router is *not* reached
///
/// - if that router is nested in another by [`nest`](axum::Router::nest) and has no fallback;
/// - if [`fallback`](axum::Router::fallback) is called on the router after `layer`;
/// - if another router is merged into that router by [`merge`](axum::Router::merge) afterwards, as
///   of two routers without a fallback of their own axum keeps the second's inner workings. Call
///   `layer` after `merge`, or merge the router that has the layer into the other.
///
/// There, or for prefixes with parameters, mount it as a service of its own. Its prefix is then
/// relative to what that service sees: [`nest_service`](axum::Router::nest_service) cuts off the
/// path it matched.
///
/// ```
/// use axum::Router;
/// use sockjs_axum::SockJsLayer;
///
/// let app: Router = Router::new()
///     .nest_service("/{tenant}/echo", SockJsLayer::new("/").into_service())
///     .fallback_service(SockJsLayer::new("/chat").into_service());
/// ```
///
/// Around a whole router, the result is a tower service for hyper. `axum::serve` wants axum's own
/// body type; `fallback_service` gives it that.
///
/// # Other layers
///
/// - Timeouts: a poll is answered when there is something to say, at the latest with a heartbeat,
///   so that a `TimeoutLayer` around this layer must allow more than the
///   [`heartbeat_delay`](Self::heartbeat_delay), or be applied before it.
/// - Compression: streaming responses say `Content-Encoding: identity`, so that compression layers
///   leave them alone and frames are not held back.
/// - CORS: responses here have the headers that SockJS clients need. A `CorsLayer` around this
///   layer overwrites them, and one that allows any origin by `*`, as `CorsLayer::permissive`
///   does, makes browsers refuse every request with credentials, which SockJS clients send. Apply
///   it before this layer, or let it mirror origins.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing unless it is applied"]
pub struct SockJsLayer<S = ()> {
    prefix: Arc<str>,
    config: Arc<Config>,
    handler: ErasedHandler<S>,
    registry: Arc<Registry>,
}

impl<S> SockJsLayer<S>
where
    S: Clone + Send + Sync + 'static,
{
    /// Makes a mount at `prefix`, whose sessions echo until [`on_session`](Self::on_session) is
    /// called. Slashes at its ends do not matter; an empty prefix takes everything.
    pub fn new(prefix: impl AsRef<str>) -> Self {
        let prefix = prefix.as_ref().trim_matches('/');
        Self {
            prefix: if prefix.is_empty() {
                "".into()
            } else {
                format!("/{prefix}").into()
            },
            config: Arc::default(),
            handler: ErasedHandler::new(echo),
            registry: Arc::new(Registry::new()),
        }
    }

    /// Sets the async function that serves each session: up to eight axum extractors, then the
    /// [`Session`](crate::Session).
    ///
    /// It is called when a client opens a session, and polled by the session's own task. When it
    /// returns, and with it the `Session` is dropped, the session closes with 1000. If it panics,
    /// its session closes with 1011 and no other is affected.
    ///
    /// Extractors run before anything is answered, on the request that opens the session: the
    /// first receive request, or the handshake of a WebSocket. Their rejection is its answer. They
    /// see a dash where a URL has the session's id, and neither `Cookie` nor `Authorization` unless
    /// [`allowed_origins`](Self::allowed_origins) are set.
    pub fn on_session<H, T>(mut self, handler: H) -> Self
    where
        H: SessionHandler<T, S>,
    {
        self.handler = ErasedHandler::new(handler);
        self
    }

    /// Supplies the state that the handler's extractors need, as
    /// [`Router::with_state`](axum::Router::with_state) does for a router.
    pub fn with_state<S2>(self, state: S) -> SockJsLayer<S2> {
        let Self {
            prefix,
            config,
            handler,
            registry,
        } = self;
        SockJsLayer {
            prefix,
            config,
            handler: handler.with_state(state),
            registry,
        }
    }
}

impl<S> SockJsLayer<S> {
    /// Makes a handle to all sessions of the mount: to count them, send to them, close them, and
    /// shut the mount down.
    pub fn handle(&self) -> SockJsHandle {
        SockJsHandle::new(self.registry.clone())
    }
}

impl SockJsLayer<()> {
    /// Makes a service of its own, for [`nest_service`](axum::Router::nest_service),
    /// [`fallback_service`](axum::Router::fallback_service) or a server without axum. What is not
    /// under the prefix is a 404.
    pub fn into_service(self) -> SockJs<NotFound> {
        self.layer(NotFound)
    }
}

impl<S> Layer<S> for SockJsLayer<()> {
    type Service = SockJs<S>;

    fn layer(&self, inner: S) -> SockJs<S> {
        let Self {
            prefix,
            config,
            handler,
            registry,
        } = self.clone();
        let mount = Mount::new(prefix, config, handler, registry);
        SockJs::new(inner, Arc::new(mount))
    }
}

/// Options, called as in sockjs-node where it has them.
impl<S> SockJsLayer<S> {
    /// Sets where the iframe page loads the JavaScript client from. Default: version 1 of
    /// `sockjs-client` at jsDelivr.
    ///
    /// It must be the very version that the page around the iframe uses, or that fails with
    /// "Incompatible SockJS"; so let both come from here.
    pub fn sockjs_url(self, url: impl Into<String>) -> Self {
        self.configure(|config| config.sockjs_url = url.into())
    }

    /// Sets how many bytes of frames a streaming response has before the client is to ask again.
    /// Default: 128 KiB.
    ///
    /// Browsers keep all of a streaming response in memory, so that one without an end would fill
    /// it. A limit of 1 makes streaming behave as polling.
    pub fn response_limit(self, bytes: usize) -> Self {
        self.configure(|config| config.response_limit = bytes)
    }

    /// Sets which transports clients may use. Default: all. The URLs of others are not found.
    pub fn transports(self, transports: impl IntoIterator<Item = Transport>) -> Self {
        self.configure(|config| config.transports = transports.into_iter().collect())
    }

    /// Enables or disables both WebSocket transports, for servers behind something that cannot
    /// pass them on. Default: enabled.
    pub fn websocket(self, enabled: bool) -> Self {
        self.configure(|config| {
            for transport in [Transport::WebSocket, Transport::RawWebSocket] {
                if enabled {
                    config.transports.insert(transport);
                } else {
                    config.transports.remove(&transport);
                }
            }
        })
    }

    /// Sets whether responses of a session carry a `JSESSIONID` cookie, by which some load
    /// balancers keep a client on one server: `true`, `false`, or a
    /// [function](JSessionId::custom). Default: `false`.
    pub fn jsessionid(self, cookie: impl Into<JSessionId>) -> Self {
        self.configure(|config| config.jsessionid = cookie.into())
    }

    /// Sets after how long a silence a client is sent a heartbeat. Default: 25 s, less than the
    /// minute after which many proxies drop an idle connection. Zero turns heartbeats off.
    pub fn heartbeat_delay(self, delay: Duration) -> Self {
        self.configure_session(|session| session.with_heartbeat_delay(nonzero(delay)))
    }

    /// Sets how long a session lives without a receive request. Default: 5 s.
    ///
    /// For as long and a minute more, a session that ended repeats its close frame to whoever asks.
    pub fn disconnect_delay(self, delay: Duration) -> Self {
        self.configure_session(|session| session.with_disconnect_delay(delay))
    }

    /// Leaves out CORS headers, preflight and the iframe page, for mounts that only pages of the
    /// same origin use. Default: `false`.
    pub fn disable_cors(self, disabled: bool) -> Self {
        self.configure(|config| {
            config.cors = if disabled {
                Cors::Disabled
            } else {
                Cors::Enabled
            };
        })
    }

    /// Sets where clients are to open their sessions, if that is not the mount itself: a string or
    /// a [function](BaseUrl::custom). Default: none.
    pub fn base_url(self, url: impl Into<BaseUrl>) -> Self {
        self.configure(|config| config.base_url = Some(url.into()))
    }

    /// Sets how long a WebSocket client may take to show a sign of life once a heartbeat was
    /// written; any byte is one. Default: 10 s. Zero waits for ever.
    pub fn pong_timeout(self, timeout: Duration) -> Self {
        self.configure_session(|session| session.with_pong_timeout(nonzero(timeout)))
    }

    /// Sets how long a client may take nothing while something waits for it, before its session is
    /// closed as [`SlowClient`](crate::Cause::SlowClient). Default: 30 s. Zero waits for ever.
    pub fn send_timeout(self, timeout: Duration) -> Self {
        let timeout = nonzero(timeout).unwrap_or(Duration::MAX);
        self.configure_session(|session| session.with_send_timeout(timeout))
    }

    /// Sets how long a message from a client may be, in bytes of UTF-8. Default: 1 MiB.
    ///
    /// A longer one is refused with 413, on a WebSocket with close code 1009.
    pub fn message_limit(self, bytes: usize) -> Self {
        self.configure(|config| config.message_limit = bytes)
    }

    /// Sets how long what a client posts at once may be, in bytes: the body of a send request, or
    /// a WebSocket message with SockJS framing. Default: 2 MiB, as axum's limit for bodies.
    ///
    /// A longer one is refused with 413, on a WebSocket with close code 1009.
    pub fn body_limit(self, bytes: usize) -> Self {
        self.configure(|config| config.body_limit = bytes)
    }

    /// Sets how many bytes of messages may wait for a client. Default: 1 MiB.
    ///
    /// Each message counts 64 bytes more than its text. When it is full,
    /// [`Session::send`](crate::Session::send) waits.
    pub fn send_buffer(self, bytes: usize) -> Self {
        self.configure_session(|session| session.with_send_buffer(bytes))
    }

    /// Sets how many bytes of payloads may wait for the handler. Default: 256 KiB.
    ///
    /// When it is full, WebSockets are not read, nor are the bodies of send requests, so that the
    /// client feels it.
    pub fn receive_buffer(self, bytes: usize) -> Self {
        self.configure_session(|session| session.with_receive_buffer(bytes))
    }

    /// Sets how many sessions there may be at once. Default: any number. Requests that would open
    /// another are refused with 503.
    pub fn max_sessions(self, sessions: usize) -> Self {
        self.configure(|config| config.max_sessions = sessions)
    }

    /// Sets which pages may use the mount, by their origin: a list such as
    /// `["https://app.example"]`, or a [predicate](AllowedOrigins::predicate). Default: any, as
    /// sockjs-node.
    ///
    /// Others get 403 at `/info`, all session URLs and both WebSocket endpoints, and the iframe page
    /// refuses to be embedded by them. Name every origin that pages connect from, also the server's
    /// own: the iframe page and its own pages send that. Requests that do not come from a browser
    /// have no origin, and are let in.
    ///
    /// With it, and only then, extractors and handlers see the headers `Cookie` and
    /// `Authorization`, of requests that an allowed page must have made, or no browser at all. Any
    /// page can make a browser load a URL as an image or a link, and knows the id of the session
    /// that this opens.
    pub fn allowed_origins(self, origins: impl Into<AllowedOrigins>) -> Self {
        self.configure(|config| config.allowed_origins = origins.into())
    }

    /// Sets whether [`allowed_origins`](Self::allowed_origins) include `null`, which is what
    /// browsers call the origin of sandboxed frames and of files. Default: `false`; any page can
    /// make a sandboxed frame.
    pub fn allow_null_origin(self, allowed: bool) -> Self {
        self.configure(|config| {
            config.null_origin = if allowed {
                NullOriginPolicy::Allow
            } else {
                NullOriginPolicy::Refuse
            };
        })
    }

    /// Binds each session to what `key` makes of the request that opens it. A later request of the
    /// session with another key gets 404. Default: not bound; who knows a session's id may use it.
    ///
    /// Choose what stays the same for a client: a user, a token. Its port changes with every
    /// connection, and its address when a phone changes networks. The key's `Drop` must not use the
    /// mount's [`handle`](Self::handle): it may run while the sessions are locked.
    ///
    /// # Example
    ///
    /// ```
    /// use http::header::AUTHORIZATION;
    /// use sockjs_axum::SockJsLayer;
    ///
    /// let layer = SockJsLayer::<()>::new("/echo")
    ///     .bind_session(|parts| parts.headers.get(AUTHORIZATION).cloned());
    /// ```
    pub fn bind_session<K>(self, key: impl Fn(&Parts) -> K + Send + Sync + 'static) -> Self
    where
        K: PartialEq + Send + Sync + 'static,
    {
        self.configure(|config| config.binding = Some(Binding::new(key)))
    }

    /// Sets how long the server may take to hand the connection over once a WebSocket's handshake
    /// is answered. Default: 10 s.
    pub fn handshake_timeout(self, timeout: Duration) -> Self {
        self.configure(|config| config.handshake_timeout = timeout)
    }

    fn configure_session(self, change: impl FnOnce(SessionConfig) -> SessionConfig) -> Self {
        self.configure(|config| config.session = change(config.session.clone()))
    }

    fn configure(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(Arc::make_mut(&mut self.config));
        self
    }
}

fn nonzero(delay: Duration) -> Option<Duration> {
    (!delay.is_zero()).then_some(delay)
}
