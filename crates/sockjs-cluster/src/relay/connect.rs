use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Makes connections to other nodes.
///
/// It is implemented for functions: `|addr| async move { Ok(Box::new(tls(addr).await?) as _) }`.
pub trait Connect: Send + Sync + 'static {
    /// Connects to the address that another node has advertised. The cluster gives up after 2 s.
    ///
    /// # Errors
    ///
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) tells the cluster that the other node is
    /// gone. After any other error, the node may still be there.
    fn connect(&self, addr: SocketAddr) -> ConnectFuture;
}

/// What [`Connect::connect`] returns.
pub type ConnectFuture = Pin<Box<dyn Future<Output = io::Result<BoxedIo>> + Send>>;

/// A connection to another node.
pub type BoxedIo = Box<dyn Io>;

/// The bytes of a connection. It is implemented for every type that meets the bounds.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

impl fmt::Debug for dyn Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Io")
    }
}

impl<C, F> Connect for C
where
    C: Fn(SocketAddr) -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<BoxedIo>> + Send + 'static,
{
    fn connect(&self, addr: SocketAddr) -> ConnectFuture {
        Box::pin(self(addr))
    }
}

/// Connects over TCP, without encryption.
pub(crate) async fn tcp(addr: SocketAddr) -> io::Result<BoxedIo> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}
