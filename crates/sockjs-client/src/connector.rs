use std::fmt;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;

use crate::task::Task;
#[cfg(feature = "tls")]
use crate::tls::Tls;
use crate::url::MountUrl;

/// How connections to the server are made.
#[derive(Clone)]
pub(crate) enum Connector {
    Network {
        #[cfg(feature = "tls")]
        tls: Tls,
    },
    Memory(Arc<Serve>),
}

/// Serves one connection in a task of its own.
pub(crate) type Serve = dyn Fn(DuplexStream) -> Task + Send + Sync;

/// A connection to the server.
pub(crate) struct Stream {
    pub(crate) io: Box<dyn Io>,
    /// The server at the other end, if it is in memory.
    pub(crate) server: Option<Task>,
}

pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

impl Connector {
    pub(crate) fn network() -> Self {
        Self::Network {
            #[cfg(feature = "tls")]
            tls: Tls::default(),
        }
    }

    pub(crate) async fn connect(&self, url: &MountUrl) -> io::Result<Stream> {
        let io = match self {
            Self::Memory(serve) => {
                let (io, server) = tokio::io::duplex(MEMORY_BUFFER);
                return Ok(Stream {
                    io: Box::new(io),
                    server: Some(serve(server)),
                });
            }
            #[cfg(feature = "tls")]
            Self::Network { tls } if url.is_secure => {
                Box::new(tls.connect(&url.host, tcp(url).await?).await?)
            }
            Self::Network { .. } if url.is_secure => {
                return Err(io::Error::new(
                    io::ErrorKind::Unsupported,
                    "sockjs-client was built without its feature `tls`",
                ));
            }
            Self::Network { .. } => Box::new(tcp(url).await?) as Box<dyn Io>,
        };
        Ok(Stream { io, server: None })
    }
}

async fn tcp(url: &MountUrl) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((&*url.host, url.port)).await?;
    // Small requests must not wait for the acknowledgement of earlier ones.
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Network { .. } => "Network",
            Self::Memory(_) => "Memory",
        })
    }
}

/// As much as the buffers of a TCP connection hold at least.
const MEMORY_BUFFER: usize = 64 * 1024;
