use std::sync::Arc;
use std::time::Duration;

use sockjs_core::{CloseReason, Transport};
use tokio::time::timeout;
use uuid::Uuid;

use crate::frame::Frame;
use crate::http::{Channel, Server};
use crate::info::Info;
use crate::transport::{Incoming, Limits, Outgoing, is_supported, open};
use crate::{ConnectError, TransportError};

/// How to find a transport that works.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) server: Arc<Server>,
    /// What to try, in this order.
    pub(crate) transports: Vec<Transport>,
    pub(crate) limits: Limits,
    pub(crate) info_timeout: Duration,
    /// The least time that a transport has to open.
    pub(crate) transport_timeout: Duration,
}

/// An open session.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) transport: Transport,
    pub(crate) outgoing: Outgoing,
    pub(crate) incoming: Incoming,
}

impl Plan {
    /// Asks for `/info`, and tries one transport after the other.
    pub(crate) async fn carry_out(self) -> Result<Opened, ConnectError> {
        if let Some(&transport) = self.transports.iter().find(|it| !is_supported(**it)) {
            return Err(ConnectError::Unsupported(transport));
        }
        let is_raw = |it: &Transport| *it == Transport::RawWebSocket;
        // A raw endpoint is not SockJS, and its server may have no `/info`.
        if self.transports.iter().all(is_raw) {
            return self.try_all(self.server.clone(), None).await;
        }
        let mut channel = Channel::new(self.server.clone());
        let info = timeout(self.info_timeout, Info::get(&mut channel))
            .await
            .unwrap_or(Err(TransportError::TimedOut))
            .map_err(ConnectError::Info)?;
        let Some(base_url) = info.base_url.as_deref().filter(|it| !it.is_empty()) else {
            let mut opened = self.try_all(self.server.clone(), Some(&info)).await?;
            if let Outgoing::Xhr(sender) = &mut opened.outgoing {
                sender.adopt(channel);
            }
            return Ok(opened);
        };
        let server = Server {
            url: self.server.url.with_base_url(base_url)?,
            ..(*self.server).clone()
        };
        self.try_all(Arc::new(server), Some(&info)).await
    }

    async fn try_all(
        &self,
        server: Arc<Server>,
        info: Option<&Info>,
    ) -> Result<Opened, ConnectError> {
        // The same for all transports, because load balancers route by it.
        let server_part = format!("{:03}", Uuid::new_v4().as_u128() % 1000);
        let mut errors = Vec::new();
        for (i, &transport) in self.transports.iter().enumerate() {
            let is_last = i + 1 == self.transports.len();
            let opening = async {
                if transport.is_websocket() && info.is_some_and(|it| !it.websocket) {
                    return Err(TransportError::Disabled.into());
                }
                let server = server.clone();
                let (outgoing, mut incoming) =
                    open(transport, server, &server_part, self.limits).await?;
                open_frame(&mut incoming).await?;
                Ok(Opened {
                    transport,
                    outgoing,
                    incoming,
                })
            };
            let opened = match info {
                // Nothing is gained by giving up the last transport early.
                Some(info) if !is_last => {
                    let limit = info.round_trip_timeout * ROUND_TRIPS;
                    timeout(limit.max(self.transport_timeout), opening)
                        .await
                        .unwrap_or(Err(TransportError::TimedOut.into()))
                }
                _ => opening.await,
            };
            match opened {
                Ok(opened) => return Ok(opened),
                Err(Failure::Closed(reason)) => return Err(ConnectError::Closed(reason)),
                Err(Failure::Transport(error)) => errors.push((transport, error)),
            }
        }
        Err(ConnectError::Transports(errors))
    }
}

/// Why a session was not opened.
enum Failure {
    /// The server does not want it, over whatever transport.
    Closed(CloseReason),
    /// Another transport may work.
    Transport(TransportError),
}

impl From<TransportError> for Failure {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Closed(reason) if is_of_application(reason.code()) => {
                Self::Closed(reason)
            }
            error => Self::Transport(error),
        }
    }
}

/// Waits for the first frame.
async fn open_frame(incoming: &mut Incoming) -> Result<(), Failure> {
    loop {
        match incoming.next().await? {
            Frame::Open => return Ok(()),
            // The padding of a stream.
            Frame::Heartbeat => {}
            Frame::Close(reason) => return Err(Failure::Closed(reason)),
            Frame::Messages(_) => {
                return Err(TransportError::Protocol("messages before the open frame").into());
            }
        }
    }
}

/// Returns whether an application may close a session with this code.
fn is_of_application(code: u16) -> bool {
    code == 1000 || (3000..5000).contains(&code)
}

/// How many round trips a transport needs to open, as in the JavaScript client.
const ROUND_TRIPS: u32 = 2;
