use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{COOKIE, HOST};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout};

use crate::TransportError;
use crate::connector::Connector;
use crate::cookies::Cookies;
use crate::task::Task;
use crate::url::MountUrl;

/// The server, and what all requests to it have in common.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) url: MountUrl,
    pub(crate) connector: Connector,
    /// Added to each request.
    pub(crate) headers: HeaderMap,
    pub(crate) cookies: Arc<Cookies>,
    pub(crate) connect_timeout: Duration,
}

impl Server {
    /// Opens a connection.
    pub(crate) async fn connect(&self) -> Result<Connection, TransportError> {
        timeout(self.connect_timeout, self.handshake())
            .await
            .map_err(|_| TransportError::TimedOut)?
    }

    async fn handshake(&self) -> Result<Connection, TransportError> {
        let stream = self.connector.connect(&self.url).await;
        let stream = stream.map_err(TransportError::Connect)?;
        let (requests, connection) = http1::handshake(TokioIo::new(stream.io))
            .await
            .map_err(TransportError::lost)?;
        let client = Task::spawn(async move {
            // The request that is under way hears of the error.
            connection.with_upgrades().await.ok();
        });
        Ok(Connection {
            requests,
            reusable_until: None,
            tasks: (client, stream.server),
        })
    }

    /// Creates a request for something below the mount.
    pub(crate) fn request(&self, method: &str, below: &str) -> http::request::Builder {
        let mut request = Request::builder()
            .method(method)
            .uri(self.url.target(below));
        if let Some(headers) = request.headers_mut() {
            if let Ok(host) = HeaderValue::from_str(&self.url.authority) {
                headers.insert(HOST, host);
            }
            if let Some(cookies) = self.cookies.header(&self.url.authority) {
                headers.insert(COOKIE, cookies);
            }
            // A header of the application replaces ours.
            headers.extend(self.headers.clone());
        }
        request
    }
}

/// A connection that takes one request at a time. It closes when dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    requests: SendRequest<Full<Bytes>>,
    /// When the server will close the connection if it is idle.
    reusable_until: Option<Instant>,
    /// What moves the bytes at this end, and at the other end if that is in memory.
    tasks: (Task, Option<Task>),
}

impl Connection {
    /// Sends one request, and returns the tasks that keep the connection, which the response may
    /// upgrade.
    pub(crate) async fn send_only(
        mut self,
        server: &Server,
        request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, (Task, Option<Task>)), TransportError> {
        let response = self.requests.send_request(request).await;
        let response = response.map_err(TransportError::lost)?;
        server
            .cookies
            .learn(&server.url.authority, response.headers());
        Ok((response, self.tasks))
    }

    fn is_reusable(&self) -> bool {
        self.reusable_until.is_none_or(|it| Instant::now() < it)
    }
}

/// One request after the other, over one connection if the server keeps it.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) server: Arc<Server>,
    connection: Option<Connection>,
}

impl Channel {
    pub(crate) fn new(server: Arc<Server>) -> Self {
        Self {
            server,
            connection: None,
        }
    }

    /// Sends a request, and returns the response. If the body of the last response was not read to
    /// its end, that connection is given up.
    pub(crate) async fn send(
        &mut self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, TransportError> {
        loop {
            let old = self.connection.take().filter(Connection::is_reusable);
            let is_reused = old.is_some();
            let mut connection = match old {
                Some(connection) => connection,
                None => self.server.connect().await?,
            };
            match connection.requests.ready().await {
                Ok(()) => {}
                // The server has closed it.
                Err(_) if is_reused => continue,
                Err(error) => return Err(TransportError::lost(error)),
            }
            match connection.requests.try_send_request(request).await {
                Ok(response) => {
                    let headers = response.headers();
                    self.server
                        .cookies
                        .learn(&self.server.url.authority, headers);
                    connection.reusable_until = idle_time(headers).map(|it| Instant::now() + it);
                    self.connection = Some(connection);
                    return Ok(response);
                }
                Err(mut error) => match error.take_message() {
                    // The server closed the connection before any byte of the request was sent, so
                    // it cannot be received twice.
                    Some(unsent) if is_reused => request = unsent,
                    _ => return Err(TransportError::lost(error.into_error())),
                },
            }
        }
    }
}

/// Returns the error that a response with this status means, with the first part of the body.
pub(crate) async fn refusal(response: Response<Incoming>) -> TransportError {
    let status = response.status();
    TransportError::Refused {
        status,
        body: String::from_utf8_lossy(&beginning(response.into_body()).await).into_owned(),
    }
}

/// Reads a short body.
pub(crate) async fn short_body(
    response: Response<Incoming>,
    limit: usize,
) -> Result<Vec<u8>, TransportError> {
    if response.status() != StatusCode::OK {
        return Err(refusal(response).await);
    }
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(TransportError::lost)?.into_data() {
            if bytes.len() + data.len() > limit {
                return Err(TransportError::TooLong);
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

async fn beginning(mut body: Incoming) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A body that breaks, or comes late, adds nothing to what the status says.
    let read = async {
        while let Some(Ok(frame)) = body.frame().await {
            if let Ok(data) = frame.into_data() {
                let room = MAX_REFUSAL - bytes.len();
                bytes.extend_from_slice(&data[..data.len().min(room)]);
                if bytes.len() == MAX_REFUSAL {
                    break;
                }
            }
        }
    };
    timeout(REFUSAL_TIMEOUT, read).await.ok();
    bytes
}

/// How long the server keeps the connection when it is idle, if it says so.
fn idle_time(headers: &HeaderMap) -> Option<Duration> {
    let keep_alive = headers.get("keep-alive")?.to_str().ok()?;
    let seconds = keep_alive
        .split(',')
        .find_map(|it| it.trim().strip_prefix("timeout="))?;
    // A second less, because the next request needs time to arrive.
    let seconds = seconds.parse::<u32>().ok()?.saturating_sub(1);
    Some(Duration::from_secs(seconds.into()))
}

/// How much of a refusal is kept.
const MAX_REFUSAL: usize = 4096;

const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);
