use std::hash::Hash;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::request::Parts;
use sockjs_core::{SessionConfig, Transport, encode_prefix};
use tower_layer::Layer;

use crate::config::{BaseUrl, Config, MaxPerKey};
use crate::http::header::{AllowedOrigins, Cors, JSessionId, NullOriginPolicy, PrivateNetwork};
use crate::mount::{Mount, Registry, SockJsHandle};
use crate::owner::MountOwner;
use crate::peers::{PeerMount, Peers};
use crate::service::{NotFound, SockJs};
use crate::session::{Binding, BindingKey, ErasedHandler, SessionHandler, StateOf, Supplied, echo};

/// Answers SockJS requests under a prefix, and passes all other requests on to the inner service.
///
/// [`new`](Self::new) makes a mount, [`on_session`](Self::on_session) sets the handler of its
/// sessions, and all other methods set options. Clones are the same mount: they share their
/// sessions.
///
/// A session belongs to its mount. Two mounts share no session, even if a client uses the same
/// session id at both.
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
///     .layer(SockJsLayer::echo("/echo"))
///     .layer(SockJsLayer::new("/bye").on_session(async |session: Session| {
///         session.close(3000, "Go away!");
///     }));
/// ```
///
/// # Where a router does not reach its layers
///
/// [`Router::layer`](axum::Router::layer) applies a layer to the routes and to the fallback that the
/// router has at that moment. A nested router without a fallback of its own uses the fallback of the
/// outer router. So a layer on a router is *not* reached in these cases:
///
/// 1. The router is nested in another one by [`nest`](axum::Router::nest), and has no fallback.
/// 2. [`fallback`](axum::Router::fallback) is called on the router after `layer`.
/// 3. Another router is merged into the router by [`merge`](axum::Router::merge) after `layer`,
///    because axum then keeps the fallback of the other router. Call `layer` after `merge`, or merge
///    the router with the layer into the other one.
///
/// In these cases, and for prefixes with parameters, mount a service of its own by
/// [`into_service`](Self::into_service). Its prefix is relative to the path that the service sees:
/// [`nest_service`](axum::Router::nest_service) strips the part of the path that it matched.
///
/// ```
/// use axum::Router;
/// use sockjs_axum::SockJsLayer;
///
/// let app: Router = Router::new()
///     .nest_service("/{tenant}/echo", SockJsLayer::echo("/").into_service())
///     .fallback_service(SockJsLayer::echo("/chat").into_service());
/// ```
///
/// The layer may also be applied to a whole router. The result is a tower service for hyper, but not
/// for `axum::serve`, which requires axum's own body type. `fallback_service` converts the body.
///
/// # Other layers
///
/// - Timeouts: the answer to a poll waits for a message, or for the next heartbeat. A `TimeoutLayer`
///   around this layer must therefore allow more than the
///   [`heartbeat_delay`](Self::heartbeat_delay), or be applied before this layer.
/// - Compression: streaming responses carry `Content-Encoding: identity`. Compression layers then
///   leave them alone, and do not hold frames back.
/// - CORS: the responses have the headers that SockJS clients need. A `CorsLayer` around this layer
///   overwrites them. If that layer allows any origin by `*`, as `CorsLayer::permissive` does,
///   browsers refuse all requests with credentials, which SockJS clients send. Apply the `CorsLayer`
///   before this layer, or let it mirror origins.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing unless it is applied"]
pub struct SockJsLayer<S = ()> {
    prefix: Arc<str>,
    config: Arc<Config>,
    handler: ErasedHandler<S>,
    registry: Arc<Registry>,
    /// The mount, once the layer is applied. All services of a layer have the same.
    mount: Arc<OnceLock<Arc<Mount>>>,
}

impl SockJsLayer<()> {
    /// Makes a mount at `prefix`. Slashes at the ends of the prefix are ignored. An empty prefix
    /// matches every path. Characters that browsers percent-encode in a path, such as `ä` or a space,
    /// are encoded; a `%` is taken for an encoding that is there already.
    ///
    /// Until [`on_session`](Self::on_session) sets a handler, sessions send every message back, so
    /// that a mount can be tried at once. The first such session logs a warning, because a forgotten
    /// handler would otherwise be a public echo server. [`echo`](Self::echo) makes an echo server
    /// without the warning.
    pub fn new(prefix: impl AsRef<str>) -> Self {
        let prefix: Arc<str> = encode_prefix(prefix.as_ref()).into();
        Self {
            handler: ErasedHandler::missing(prefix.clone()),
            prefix,
            config: Arc::default(),
            registry: Arc::new(Registry::new()),
            mount: Arc::default(),
        }
    }

    /// Makes a mount at `prefix` whose sessions send every message back.
    ///
    /// # Example
    ///
    /// ```
    /// use axum::Router;
    /// use sockjs_axum::SockJsLayer;
    ///
    /// let app: Router = Router::new().layer(SockJsLayer::echo("/echo"));
    /// ```
    pub fn echo(prefix: impl AsRef<str>) -> Self {
        Self::new(prefix).on_session(echo)
    }

    /// Sets the handler of the sessions: an async function of up to eight axum extractors and the
    /// [`Session`](crate::Session). See [`SessionHandler`].
    ///
    /// The handler is called once for each session, and polled by the session's own task. When it
    /// returns `()` or `Ok(())`, it drops the `Session`, and the session closes with 1000. If it returns
    /// an error or panics, its session closes with 1011, and no other session is affected. The error of
    /// a message that could not be sent because the session is gone is no failure.
    ///
    /// The extractors run on the request that opens the session: the first receive request, or the
    /// handshake of a WebSocket. They run before the request is answered, and if one rejects the
    /// request, its rejection is the answer. They see a dash in place of the session id in the URL, and
    /// in the parameters that a router of axum took from the URL. A middleware in front of this layer
    /// sees the id, and so do extensions that it makes of the URL.
    /// They see neither `Cookie` nor `Authorization`, unless
    /// [`allowed_origins`](Self::allowed_origins) is set.
    ///
    /// If extractors need a state, supply it by [`with_state`](SockJsLayer::with_state).
    pub fn on_session<H, T, S>(self, handler: H) -> SockJsLayer<S>
    where
        H: SessionHandler<T, S>,
        S: Clone + Send + Sync + 'static,
    {
        let Self {
            prefix,
            config,
            handler: _,
            registry,
            mount: _,
        } = self;
        SockJsLayer {
            prefix,
            config,
            handler: ErasedHandler::new(handler),
            registry,
            mount: Arc::default(),
        }
    }
}

impl<S> SockJsLayer<S>
where
    S: Clone + Send + Sync + 'static,
{
    /// Supplies the state for the extractors of the handler, as
    /// [`Router::with_state`](axum::Router::with_state) does for a router. The state of the router
    /// itself does not reach a layer.
    pub fn with_state(self, state: S) -> SockJsLayer {
        let Self {
            prefix,
            config,
            handler,
            registry,
            mount: _,
        } = self;
        SockJsLayer {
            prefix,
            config,
            handler: handler.with_state(state),
            registry,
            mount: Arc::default(),
        }
    }
}

impl<S> SockJsLayer<S> {
    /// Makes a service of its own, for [`nest_service`](axum::Router::nest_service),
    /// [`fallback_service`](axum::Router::fallback_service), or a server without axum. Requests that
    /// are not under the prefix are answered with 404.
    pub fn into_service(self) -> SockJs<NotFound>
    where
        Supplied: StateOf<S>,
    {
        self.layer(NotFound)
    }

    /// Returns a handle to all sessions of the mount. It counts them, sends to them, closes them, and
    /// shuts the mount down.
    pub fn handle(&self) -> SockJsHandle {
        SockJsHandle::new(self.registry.clone())
    }
}

/// A layer whose handler needs no state any more.
impl<I, S> Layer<I> for SockJsLayer<S>
where
    Supplied: StateOf<S>,
{
    type Service = SockJs<I>;

    fn layer(&self, inner: I) -> SockJs<I> {
        let mount = self.mount.get_or_init(|| {
            let handler = Supplied::complete(self.handler.clone());
            let (prefix, config) = (self.prefix.clone(), self.config.clone());
            let mount = Mount::new(prefix, config, handler, self.registry.clone());
            let mount = Arc::new(mount);
            if let Some(peers) = self.registry.peers() {
                peers.mounted(PeerMount::new(MountOwner::new(&mount)));
            }
            mount
        });
        SockJs::new(inner, mount.clone())
    }
}

/// Options. They have the names of sockjs-node where sockjs-node has them.
impl<S> SockJsLayer<S> {
    /// Sets the URL from which the iframe page loads the JavaScript client. Default: version 1 of
    /// `sockjs-client` at jsDelivr.
    ///
    /// It must be exactly the version that the embedding page uses; otherwise the iframe transports
    /// fail with "Incompatible SockJS". Load the client from the same URL in your pages.
    ///
    /// Set it if your pages load the client from elsewhere, such as your own server:
    ///
    /// ```
    /// # use sockjs_axum::SockJsLayer;
    /// let layer = SockJsLayer::echo("/echo").sockjs_url("https://app.example/js/sockjs.min.js");
    /// ```
    pub fn sockjs_url(self, url: impl Into<String>) -> Self {
        self.configure(|config| config.sockjs_url = url.into())
    }

    /// Sets how many bytes of frames a streaming response may have. The response then ends, and the
    /// client asks for the next one. Default: 128 KiB.
    ///
    /// The limit exists because browsers keep all of a streaming response in memory. Raise it if
    /// clients receive many megabytes a minute and reconnect too often. A limit of 1 makes streaming
    /// behave like polling, and so does zero.
    pub fn response_limit(self, bytes: usize) -> Self {
        self.configure(|config| config.response_limit = bytes)
    }

    /// Sets the transports that clients may use. Default: all. The URLs of other transports are
    /// answered with 404.
    ///
    /// ```
    /// # use sockjs_axum::SockJsLayer;
    /// use sockjs_axum::Transport;
    ///
    /// let layer = SockJsLayer::echo("/echo").transports([Transport::WebSocket, Transport::Xhr]);
    /// ```
    pub fn transports(self, transports: impl IntoIterator<Item = Transport>) -> Self {
        self.configure(|config| config.transports = transports.into_iter().collect())
    }

    /// Enables or disables both WebSocket transports. Default: enabled.
    ///
    /// Disable them if a proxy in front of the server cannot pass WebSockets on: clients then do not
    /// lose time with trying.
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

    /// Sets the WebSocket subprotocols that the handler speaks. Default: none.
    ///
    /// A client offers the names of subprotocols in its handshake, in the order of its preference. The
    /// server chooses the first offer that is in this list, whatever the order of the list, and none if
    /// no offer is. Names are compared byte for byte. [`Session::protocol`](crate::Session::protocol)
    /// returns the choice. It is `None` on transports that are no WebSocket, because they have no
    /// subprotocols.
    ///
    /// Set it for clients that end a WebSocket without a subprotocol: browsers and the npm package `ws` if
    /// they offered any, such as stompjs with a `brokerURL`.
    ///
    /// ```
    /// # use sockjs_axum::SockJsLayer;
    /// let layer = SockJsLayer::echo("/stomp").protocols(["v12.stomp", "v11.stomp"]);
    /// ```
    ///
    /// # Panics
    ///
    /// If a name is not a token: letters, digits and ``!#$%&'*+-.^_`|~``, at least one character.
    pub fn protocols<P: AsRef<str>>(self, protocols: impl IntoIterator<Item = P>) -> Self {
        let protocols = protocols.into_iter().map(|protocol| {
            let protocol = protocol.as_ref();
            assert!(
                is_token(protocol),
                "{protocol:?} is not the name of a subprotocol: a name has letters, digits and !#$%&'*+-.^_`|~ alone"
            );
            protocol.into()
        });
        let protocols = protocols.collect();
        self.configure(|config| config.protocols = protocols)
    }

    /// Sets whether the responses of a session carry a `JSESSIONID` cookie: `true`, `false`, or a
    /// [`JSessionId`] with a value or attributes of your own. Default: `false`.
    ///
    /// Enable it if your load balancer uses this cookie to send all requests of a client to the same
    /// server.
    pub fn jsessionid(self, cookie: impl Into<JSessionId>) -> Self {
        self.configure(|config| config.jsessionid = cookie.into())
    }

    /// Sets how long nothing may be sent to a client before the client is sent a heartbeat. Default:
    /// 25 s. Zero turns heartbeats off.
    ///
    /// Many proxies drop a connection that is idle for a minute. Lower the delay if yours drops it
    /// sooner.
    pub fn heartbeat_delay(self, delay: Duration) -> Self {
        self.configure_session(|session| session.with_heartbeat_delay(nonzero(delay)))
    }

    /// Sets how long a session may be without a receive request before it ends. Default: 5 s.
    ///
    /// The time starts when the HTTP server has let go of the last response. Raise it for clients on
    /// mobile networks that need longer between two requests. For the same
    /// time and one minute more, late requests of an ended session are answered with its close frame.
    ///
    /// # Panics
    ///
    /// If the delay is zero, because every session of a polling client would then end after its first
    /// poll.
    pub fn disconnect_delay(self, delay: Duration) -> Self {
        assert!(!delay.is_zero(), "the disconnect delay must not be zero");
        self.configure_session(|session| session.with_disconnect_delay(delay))
    }

    /// Disables CORS headers, preflight requests and the iframe page. Default: `false`.
    ///
    /// Disable them if only pages of the server's own origin use the mount.
    pub fn disable_cors(self, disabled: bool) -> Self {
        self.configure(|config| {
            config.cors = if disabled {
                Cors::Disabled
            } else {
                Cors::Enabled
            };
        })
    }

    /// Sets whether pages of public sites may use the mount in a private network. Default: `false`.
    ///
    /// Some browsers ask for this permission in a preflight, if a page that was loaded from the
    /// internet connects to an address such as `192.168.0.1` or `localhost`. Allow it together with
    /// [`allowed_origins`](Self::allowed_origins), if such pages must connect.
    pub fn allow_private_network(self, allowed: bool) -> Self {
        self.configure(|config| {
            config.private_network = if allowed {
                PrivateNetwork::Allow
            } else {
                PrivateNetwork::Refuse
            };
        })
    }

    /// Sets the URL at which clients open their sessions, if it is not the URL of the mount: a
    /// string, or a [function](BaseUrl::custom) of the `/info` request. Default: none.
    ///
    /// Set it if pages ask a shared host for `/info`, and then connect to the server that answered:
    ///
    /// ```
    /// # use sockjs_axum::SockJsLayer;
    /// let layer = SockJsLayer::echo("/echo").base_url("https://node7.example/echo");
    /// ```
    pub fn base_url(self, url: impl Into<BaseUrl>) -> Self {
        self.configure(|config| config.base_url = Some(url.into()))
    }

    /// Sets how long a WebSocket client may show no sign of life after a heartbeat was written to it.
    /// Any byte from the client is a sign of life. The session then ends as
    /// [`HeartbeatTimeout`](crate::Cause::HeartbeatTimeout). Default: 10 s. Zero means no limit.
    ///
    /// Raise it if clients sit on links with round trips of many seconds.
    pub fn pong_timeout(self, timeout: Duration) -> Self {
        self.configure_session(|session| session.with_pong_timeout(nonzero(timeout)))
    }

    /// Sets how long a client may take no byte while something is queued for it. The session then ends
    /// as [`SlowClient`](crate::Cause::SlowClient). Default: 30 s. Zero means no limit.
    ///
    /// Over HTTP, a byte now and then is not enough: a response leaves in slices of 16 KiB, and a client
    /// must take one in this time.
    ///
    /// Lower it if a stalled client must free its memory sooner.
    pub fn send_timeout(self, timeout: Duration) -> Self {
        let timeout = nonzero(timeout).unwrap_or(Duration::MAX);
        self.configure_session(|session| session.with_send_timeout(timeout))
    }

    /// Sets how long one message from a client may be, in bytes of UTF-8. Default: 1 MiB.
    ///
    /// A send request with a longer message is answered with 413. A WebSocket with a longer message
    /// is closed with 1009. Lower the limit to the longest message that your clients send. With zero,
    /// clients can send empty messages only.
    pub fn message_limit(self, bytes: usize) -> Self {
        self.configure(|config| config.message_limit = bytes)
    }

    /// Sets how long one payload from a client may be, in bytes: the body of a send request, or a
    /// WebSocket message with SockJS framing. Default: 2 MiB, which is also axum's limit for bodies.
    ///
    /// A send request with a longer body is answered with 413. A WebSocket with a longer message is
    /// closed with 1009. The form of a jsonp client counts without its escapes, which can make it three
    /// times as long. One payload may contain many messages, and escapes make it longer than they
    /// are; so keep this limit at twice the [`message_limit`](Self::message_limit) or above. With
    /// zero, clients cannot send anything.
    pub fn body_limit(self, bytes: usize) -> Self {
        self.configure(|config| config.body_limit = bytes)
    }

    /// Sets how long the body of a send request may take to arrive, in total. Default: 30 s. Zero means
    /// no limit.
    ///
    /// Each 4 KiB that arrive add one second, so that a long body on a slow link has more time. The
    /// time in which the server itself does not read, because a buffer is full, does not count. A
    /// request that needs longer is answered with 408. Raise the limit for clients whose links stall
    /// for longer.
    pub fn body_timeout(self, timeout: Duration) -> Self {
        let timeout = nonzero(timeout).unwrap_or(Duration::MAX);
        self.configure(|config| config.body_timeout = timeout)
    }

    /// Sets how many send requests a session may have at a time. Default: 128. One more is answered
    /// with 503.
    ///
    /// The JavaScript client sends one at a time. Raise the limit for clients of your own that send
    /// many at once.
    pub fn max_send_requests(self, requests: usize) -> Self {
        self.configure(|config| config.max_send_requests = requests)
    }

    /// Sets how many bytes of bodies the mount may hold for send requests whose session it does not
    /// know. Default: 4 MiB. A request for which there is no room is answered with 503.
    ///
    /// The server reads such a body only to tell a broken body from a good one, and no more than
    /// 16 KiB of it. There is seldom a reason to change the limit.
    pub fn unknown_session_buffer(self, bytes: usize) -> Self {
        self.configure(|config| config.unknown_session_buffer = bytes)
    }

    /// Sets the size of the send buffer: how many bytes of messages may be queued for one client.
    /// Default: 1 MiB.
    ///
    /// Each message counts 64 bytes more than its text. When the buffer is full,
    /// [`Session::send`](crate::Session::send) waits. Lower it to hold less memory for slow clients.
    /// With zero, one message is queued at a time.
    pub fn send_buffer(self, bytes: usize) -> Self {
        self.configure_session(|session| session.with_send_buffer(bytes))
    }

    /// Sets the size of the receive buffer: how many bytes of payloads may be queued for the handler.
    /// Default: 256 KiB.
    ///
    /// When the buffer is full, the server stops to read the WebSocket, or the bodies of send
    /// requests, so that TCP slows the client down. Lower it to hold less memory for slow handlers.
    /// With zero, one payload is queued at a time.
    pub fn receive_buffer(self, bytes: usize) -> Self {
        self.configure_session(|session| session.with_receive_buffer(bytes))
    }

    /// Sets how long a frame of several messages may be, in bytes. Default: 32 KiB.
    ///
    /// The text of the frame counts, as a WebSocket sends it: with quotation marks, commas and
    /// escapes. Messages that do not fit wait for the next frame, and a single message of any length
    /// has a frame of its own. Lower it for clients that refuse WebSocket messages of this length. A
    /// poll is answered with one frame, so raise it if many messages wait for polling clients.
    pub fn frame_limit(self, bytes: usize) -> Self {
        self.configure_session(|session| session.with_frame_limit(bytes))
    }

    /// Sets how many sessions the mount may have at a time. Default: no limit. A request that would
    /// open one more is answered with 503.
    ///
    /// Set it to a number of sessions that fits into the server's memory. With zero, there are no
    /// sessions.
    pub fn max_sessions(self, sessions: usize) -> Self {
        self.configure(|config| config.max_sessions = sessions)
    }

    /// Limits how many sessions one client may have at a time. Default: no limit. A request that would
    /// open one more is answered with 429.
    ///
    /// `key` computes from a request whose it is: an address, or a user. Only the requests that open
    /// sessions are asked. Requests with equal keys are those of one client, and so are all requests
    /// with the key `None`. A request that is about to open a session counts like a session, as for
    /// [`max_sessions`](Self::max_sessions).
    ///
    /// Set it together with `max_sessions`, because one client could otherwise take all places. Many
    /// users may share one address, such as an office, and one user has many IPv6 addresses: limit
    /// networks of 64 bits. Behind a proxy the address is that of the proxy, unless a middleware knows
    /// better.
    ///
    /// ```
    /// # use sockjs_axum::SockJsLayer;
    /// use std::net::{IpAddr, SocketAddr};
    /// use axum::extract::ConnectInfo;
    ///
    /// let layer = SockJsLayer::echo("/echo")
    ///     .max_sessions(10_000)
    ///     .max_sessions_per_key(100, |parts| {
    ///         let ConnectInfo(addr) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    ///         Some(match addr.ip().to_canonical() {
    ///             IpAddr::V4(ip) => ip.to_bits().into(),
    ///             IpAddr::V6(ip) => ip.to_bits() >> 64 << 64,
    ///         })
    ///     });
    /// ```
    pub fn max_sessions_per_key<K: Hash>(
        self,
        sessions: usize,
        key: impl Fn(&Parts) -> K + Send + Sync + 'static,
    ) -> Self {
        let key = Binding::by_hash(key);
        self.configure(|config| config.max_per_key = Some(MaxPerKey { sessions, key }))
    }

    /// Sets about how many sessions may end within a
    /// [`disconnect_delay`](Self::disconnect_delay). WebSockets do not count. Default: 262,144. A
    /// request that would open one more is answered with 503.
    ///
    /// The layer remembers how a session ended, for late requests of its client. A record takes some
    /// 200 bytes. Raise the number with `max_sessions` and `disconnect_delay`.
    pub fn max_ended_sessions(self, sessions: usize) -> Self {
        self.configure(|config| config.max_ended_sessions = sessions)
    }

    /// Sets how many topics a session may be in. Default: 128. [`Session::join`](crate::Session::join)
    /// fails for one more.
    ///
    /// A membership takes some 100 bytes. A topic without another member takes some 200 bytes more, and
    /// its name. If clients choose the topics, this limits what a client can make the server hold. Raise it for sessions that watch many things.
    pub fn max_topics(self, topics: usize) -> Self {
        self.configure(|config| config.max_topics = topics)
    }

    /// Sets which pages may use the mount, by their origin: a list such as
    /// `["https://app.example"]`, or a [predicate](AllowedOrigins::predicate). Default: any page, as
    /// in sockjs-node.
    ///
    /// Set it if sessions act for a user who is known by a cookie. It has three effects:
    ///
    /// 1. Requests of other origins are answered with 403 at `/info`, at all session URLs and at both
    ///    WebSocket endpoints.
    /// 2. Pages of other origins cannot embed the iframe page.
    /// 3. Extractors and handlers see the `Cookie` and `Authorization` headers of a request, if an
    ///    allowed page sent the request, or a client that is not a browser. They do not see the
    ///    headers of a URL that a browser loads as an image or a link, because any page can cause
    ///    that, and then knows the id of the session that it opens.
    ///
    /// The list must contain every origin from which pages connect, the server's own included, because
    /// the iframe page and the server's own pages send that origin. If a browser says that a page is
    /// the server's own, the name under which the server was asked (`Host`) must be that of an origin
    /// in the list, because a stranger can let a name of their own lead to the server. So a proxy must
    /// pass `Host` on. Requests without an origin, from clients that are not browsers, are allowed.
    ///
    /// ```
    /// # use sockjs_axum::SockJsLayer;
    /// let layer = SockJsLayer::echo("/echo").allowed_origins(["https://app.example"]);
    /// ```
    pub fn allowed_origins(self, origins: impl Into<AllowedOrigins>) -> Self {
        self.configure(|config| config.allowed_origins = origins.into())
    }

    /// Sets whether requests with `Origin: null` are allowed where
    /// [`allowed_origins`](Self::allowed_origins) is set. Default: `false`.
    ///
    /// Browsers send `null` for sandboxed frames and for files. Allow it only if such pages must
    /// connect, because any page can make a sandboxed frame.
    pub fn allow_null_origin(self, allowed: bool) -> Self {
        self.configure(|config| {
            config.null_origin = if allowed {
                NullOriginPolicy::Allow
            } else {
                NullOriginPolicy::Refuse
            };
        })
    }

    /// Binds each session to a key, which `key` computes from the request that opens the session. A
    /// later request of the session with another key is answered with 404. Default: sessions are not
    /// bound, and a client that knows a session's id may use the session.
    ///
    /// The key itself is dropped at once. The session keeps a digest of 128 bits, made of the bytes of the
    /// [`BindingKey`] and a secret of the mount, and the digests are compared. So a part of the key that is
    /// not written is not compared.
    ///
    /// Choose a key that stays the same for a client: a user, or a token. The client's port changes
    /// with every connection, and its address changes when a phone changes networks.
    ///
    /// ```
    /// # use sockjs_axum::SockJsLayer;
    /// use http::header::AUTHORIZATION;
    ///
    /// let layer = SockJsLayer::echo("/echo")
    ///     .bind_session(|parts| parts.headers.get(AUTHORIZATION).cloned());
    /// ```
    pub fn bind_session<K: BindingKey>(
        self,
        key: impl Fn(&Parts) -> K + Send + Sync + 'static,
    ) -> Self {
        self.configure(|config| config.binding = Some(Binding::by_bytes(key)))
    }

    /// Sets how long the server may take to hand over the connection after the handshake of a
    /// WebSocket was answered. Default: 10 s.
    ///
    /// There is seldom a reason to change it. The connection is handed over at once, unless the client
    /// stops to read or a middleware holds the response back.
    ///
    /// # Panics
    ///
    /// If the timeout is zero, because no WebSocket could then be opened.
    pub fn handshake_timeout(self, timeout: Duration) -> Self {
        assert!(!timeout.is_zero(), "the handshake timeout must not be zero");
        self.configure(|config| config.handshake_timeout = timeout)
    }

    /// Connects the mount with those of other nodes, so that any node answers any request of a session,
    /// and messages to topics reach the sessions of all nodes. Default: the mount is on its own.
    ///
    /// The crate `sockjs-cluster` makes the peers. Set them before the layer is applied, and set the same
    /// options on all nodes.
    ///
    /// # Panics
    ///
    /// If the mount has peers already, or the layer was applied.
    pub fn peers(self, peers: impl Peers) -> Self {
        assert!(
            self.mount.get().is_none(),
            "the layer was applied before it got its peers"
        );
        self.registry.connect(Arc::new(peers));
        self
    }

    fn configure_session(self, change: impl FnOnce(SessionConfig) -> SessionConfig) -> Self {
        self.configure(|config| config.session = change(config.session.clone()))
    }

    fn configure(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(Arc::make_mut(&mut self.config));
        // A layer that was applied before keeps its mount.
        self.mount = Arc::default();
        self
    }
}

fn nonzero(delay: Duration) -> Option<Duration> {
    (!delay.is_zero()).then_some(delay)
}

/// Returns whether a text is a token of HTTP: RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(is_allowed)
}
