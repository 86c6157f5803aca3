use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use http::{Request, Response};
use hyper::body::Incoming;
use sockjs_core::{CloseReason, Message, Transport};
use tower_service::Service;

use crate::connect::Opened;
use crate::connector::Connector;
use crate::url::MountUrl;
use crate::{Builder, ConnectError, Receiver, SendError, Sender, memory, session};

/// The client's end of an open session.
///
/// The work is done in a task of its own. When the client is dropped, or both halves after
/// [`split`](Self::split), that task and all connections end at once, and messages that are queued may
/// be lost. [`close`](Self::close) sends them first.
#[derive(Debug)]
pub struct Client {
    sender: Sender,
    receiver: Receiver,
}

impl Client {
    /// All transports with SockJS frames that the client has.
    pub const TRANSPORTS: [Transport; 4] = [
        Transport::WebSocket,
        Transport::XhrStreaming,
        Transport::EventSource,
        Transport::Xhr,
    ];

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

    pub(crate) fn start(opened: Opened, send_buffer: usize, receive_buffer: usize) -> Self {
        let (sender, receiver) = session::start(opened, send_buffer, receive_buffer);
        Self { sender, receiver }
    }

    /// Sends a message. Waits for room if [`send_buffer`](Builder::send_buffer) is full.
    ///
    /// The message is queued then. If it cannot be delivered, the session closes with 1006.
    ///
    /// # Errors
    ///
    /// Fails if the session is closed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the message is not sent.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.sender.send(message).await
    }

    /// Receives the next message. `None` if the session is closed and no message is left.
    ///
    /// Heartbeats are not messages, and not visible.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, no message is lost.
    pub async fn recv(&mut self) -> Option<Message> {
        self.receiver.recv().await
    }

    /// Waits until the session is closed, and returns why.
    ///
    /// - A code and reason that the server sent are returned as they are.
    /// - 1000 means that this client closed the session.
    /// - 1006 means that the connection was lost, that a message could not be delivered, or that the
    ///   server sent something that is not SockJS. The reason says what happened.
    /// - If a server closes a WebSocket without a frame of SockJS, the code is that of the WebSocket.
    ///
    /// A client that does not receive stops reading when
    /// [`receive_buffer`](Builder::receive_buffer) is full, and then does not see that the session is
    /// closed.
    pub async fn closed(&self) -> CloseReason {
        self.sender.closed().await
    }

    /// Closes the session, after all messages that are queued are sent, and returns how it ended.
    ///
    /// That is 1000, or the code of the server if the server was faster. A WebSocket is closed with its
    /// closing handshake. HTTP transports have no way to say so: the server sees that the client is
    /// gone. After 30 seconds the client gives up.
    pub async fn close(self) -> CloseReason {
        self.sender.close().await
    }

    /// Returns the transport that the client uses.
    pub fn transport(&self) -> Transport {
        self.sender.transport()
    }

    /// Splits the client into a half that sends and a half that receives.
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }
}

/// The same as [`Client::recv`].
impl Stream for Client {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.receiver.poll_recv(cx)
    }
}
