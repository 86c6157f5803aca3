use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue, ORIGIN};
use http::{Request, Response};
use hyper::body::Incoming;
use sockjs_core::Transport;
use tokio::time::timeout;
use tower_service::Service;

use crate::connect::Plan;
use crate::connector::Connector;
use crate::cookies::Cookies;
use crate::http::Server;
use crate::transport::{Limits, Silence};
use crate::url::MountUrl;
use crate::{Client, ConnectError, memory};

impl Client {
    /// Connects to the mount at this URL, with default options.
    ///
    /// # Errors
    ///
    /// See [`Builder::connect`].
    ///
    /// # Example
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use sockjs_client::Client;
    ///
    /// let mut client = Client::connect("http://localhost:8081/echo").await?;
    /// client.send("hello").await?;
    /// assert_eq!(client.recv().await.as_deref(), Some("hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(url: impl AsRef<str>) -> Result<Self, ConnectError> {
        Self::builder(url).connect().await
    }

    /// Returns the options of a client of the mount at this URL.
    ///
    /// The scheme is `http`, `https`, `ws` or `wss`; `ws` means the same as `http`. A query is added to
    /// each request. `https` needs the feature `tls`.
    pub fn builder(url: impl AsRef<str>) -> Builder {
        Builder::new(MountUrl::parse(url.as_ref()), Connector::network())
    }

    /// Returns the options of a client of the mount at this path of a service in memory.
    ///
    /// The service is any tower service that hyper can serve, for example an axum `Router`. Each
    /// connection gets a clone of it, and is served by hyper over a pipe in memory, with HTTP/1.1. All
    /// transports work, the clock may be paused, and no socket is opened. The server ends with the
    /// client.
    ///
    /// The path may have a query. Requests have the host `localhost`; an absolute URL in place of the
    /// path sets another one. For the address of a peer, add axum's `MockConnectInfo` to the service.
    ///
    /// # Example
    ///
    /// ```
    /// use axum::Router;
    /// use sockjs_axum::SockJsLayer;
    /// use sockjs_client::Client;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let app = Router::new().layer(SockJsLayer::echo("/live"));
    /// for transport in Client::TRANSPORTS {
    ///     let client = Client::over(app.clone(), "/live").transport(transport);
    ///     let mut client = client.connect().await?;
    ///     client.send("hello").await?;
    ///     assert_eq!(client.recv().await.as_deref(), Some("hello"));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn over<S, B>(service: S, path: impl AsRef<str>) -> Builder
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let path = path.as_ref();
        let url = if path.starts_with('/') {
            MountUrl::parse(&format!("http://localhost{path}"))
        } else {
            MountUrl::parse(path)
        };
        Builder::new(url, Connector::Memory(memory::serve(service)))
    }
}

/// Options of a client.
///
/// [`Client::builder`] and [`Client::over`] create it, and [`connect`](Self::connect) connects.
#[must_use = "a builder does nothing until `connect` is called"]
pub struct Builder {
    url: Result<MountUrl, ConnectError>,
    connector: Connector,
    transports: Vec<Transport>,
    headers: HeaderMap,
    cookies: Vec<(String, String)>,
    /// The first header that is none.
    invalid_header: Option<String>,
    connect_timeout: Duration,
    info_timeout: Duration,
    timeout: Duration,
    heartbeat_timeout: Option<Duration>,
    frame_limit: usize,
    send_buffer: usize,
    receive_buffer: usize,
}

impl Builder {
    pub(crate) fn new(url: Result<MountUrl, ConnectError>, connector: Connector) -> Self {
        Self {
            url,
            connector,
            transports: DEFAULT_TRANSPORTS.to_vec(),
            headers: HeaderMap::new(),
            cookies: Vec::new(),
            invalid_header: None,
            connect_timeout: Duration::from_secs(30),
            info_timeout: Duration::from_secs(8),
            timeout: Duration::ZERO,
            heartbeat_timeout: None,
            frame_limit: 16 * 1024 * 1024,
            send_buffer: 1024 * 1024,
            receive_buffer: 256 * 1024,
        }
    }

    /// Connects over this transport only.
    ///
    /// [`Transport::RawWebSocket`] connects to the raw endpoint of the mount, where the WebSocket has
    /// no SockJS frames. The client then does not request `/info`.
    pub fn transport(self, transport: Transport) -> Self {
        self.transports([transport])
    }

    /// Tries these transports, in this order, until one of them works. The default is websocket,
    /// xhr-streaming, xhr-polling.
    ///
    /// [`Client::TRANSPORTS`] and [`Transport::RawWebSocket`] are supported.
    pub fn transports(mut self, transports: impl IntoIterator<Item = Transport>) -> Self {
        self.transports = transports.into_iter().collect();
        self
    }

    /// Adds a header to each request. It replaces a header that the client sets itself, such as `Host`.
    ///
    /// Do not ask for compression (`Accept-Encoding`), because the client does not decompress. The
    /// header also goes to the [`base_url`](crate#base-url) of the server.
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        match (
            HeaderName::try_from(name),
            HeaderValue::try_from(value.as_ref()),
        ) {
            (Ok(name), Ok(value)) => {
                self.headers.append(name, value);
            }
            _ => self.invalid(name),
        }
        self
    }

    /// Sets the `Origin` header, as the browser of a page of that origin does.
    pub fn origin(self, origin: impl AsRef<str>) -> Self {
        self.header(ORIGIN, origin)
    }

    /// Sets a cookie.
    ///
    /// The client sends cookies that the server sets in addition. It ignores their attributes, except
    /// for a `Max-Age` that removes a cookie.
    pub fn cookie(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        if HeaderName::try_from(&name).is_err() || HeaderValue::try_from(&value).is_err() {
            self.invalid(&name);
        }
        self.cookies.push((name, value));
        self
    }

    fn invalid(&mut self, name: &str) {
        self.invalid_header.get_or_insert_with(|| name.to_owned());
    }

    /// Sets how long [`connect`](Self::connect) may take in total. The default is 30 seconds.
    ///
    /// It also limits how long later connections of the same session may take.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how long the request for `/info` may take. The default is 8 seconds, as in the JavaScript
    /// client.
    pub fn info_timeout(mut self, timeout: Duration) -> Self {
        self.info_timeout = timeout;
        self
    }

    /// Sets the least time that a transport has to open, before the client tries the next one. The
    /// default is zero.
    ///
    /// The client measures how long the request for `/info` takes, and gives a transport two round
    /// trips of 0.3 seconds more than that, or of four times that above 0.1 seconds, as the JavaScript
    /// client does. The last transport has all the time that
    /// [`connect_timeout`](Self::connect_timeout) leaves.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long an open session may be silent before it closes with 1006. Zero waits for ever. The
    /// default is two minutes, or for ever on [`Transport::RawWebSocket`].
    ///
    /// Servers send a heartbeat after 25 seconds by default. Time in which the application does not
    /// receive, and nothing is read, does not count.
    pub fn heartbeat_timeout(mut self, timeout: Duration) -> Self {
        self.heartbeat_timeout = Some(timeout);
        self
    }

    /// Sets the longest frame that the client accepts, in bytes. The default is 16 MiB, the least is
    /// 4 KiB.
    ///
    /// A frame contains several messages, and some servers put everything into it that is queued. A
    /// longer frame closes the session with 1006.
    pub fn frame_limit(mut self, bytes: usize) -> Self {
        self.frame_limit = bytes.max(MIN_FRAME_LIMIT);
        self
    }

    /// Sets how many bytes of messages are queued before [`Client::send`] waits. The default is 1 MiB.
    pub fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = bytes;
        self
    }

    /// Sets how many bytes of messages are queued before the client stops reading. The default is
    /// 256 KiB.
    ///
    /// One frame may be queued beyond that, and another one be read.
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.receive_buffer = bytes;
        self
    }

    /// Sets the configuration of TLS, for certificates that the operating system does not trust, or
    /// for a certificate of the client.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn tls_config(mut self, config: Arc<rustls::ClientConfig>) -> Self {
        if let Connector::Network { tls } = &mut self.connector {
            *tls = crate::tls::Tls::new(config);
        }
        self
    }

    /// Connects, and waits until the session is open.
    ///
    /// # Errors
    ///
    /// See [`ConnectError`]. [`ConnectError::status`] is the status of a refusal.
    ///
    /// # Panics
    ///
    /// Panics outside of a tokio runtime with I/O and time.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the connections are closed.
    pub async fn connect(self) -> Result<Client, ConnectError> {
        let url = self.url?;
        if let Some(name) = self.invalid_header {
            return Err(ConnectError::Header(name));
        }
        let cookies = Cookies::default();
        for (name, value) in &self.cookies {
            cookies.set(&url.authority, name, value);
        }
        let is_raw = self.transports == [Transport::RawWebSocket];
        let silence = match self.heartbeat_timeout {
            Some(timeout) => timeout,
            None if is_raw => Duration::ZERO,
            None => HEARTBEAT_TIMEOUT,
        };
        let plan = Plan {
            server: Arc::new(Server {
                url,
                connector: self.connector,
                headers: self.headers,
                cookies: Arc::new(cookies),
                connect_timeout: self.connect_timeout,
            }),
            transports: self.transports,
            limits: Limits {
                frame: self.frame_limit,
                silence: Silence::new(silence),
            },
            info_timeout: self.info_timeout,
            transport_timeout: self.timeout,
        };
        let opened = timeout(self.connect_timeout, plan.carry_out())
            .await
            .map_err(|_| ConnectError::TimedOut)??;
        Ok(Client::start(opened, self.send_buffer, self.receive_buffer))
    }
}

// URL, headers and cookies may hold secrets.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("connector", &self.connector)
            .field("transports", &self.transports)
            .finish_non_exhaustive()
    }
}

/// Those of the JavaScript client that every server has. Where xhr-streaming does not work, neither
/// does eventsource.
const DEFAULT_TRANSPORTS: [Transport; 3] = [
    Transport::WebSocket,
    Transport::XhrStreaming,
    Transport::Xhr,
];

/// The padding of a stream must fit.
const MIN_FRAME_LIMIT: usize = 4096;

/// Four heartbeats of a server with default options are missing then.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(120);
