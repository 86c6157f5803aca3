//! Where the server is, and how it is connected to.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use bytes::Bytes;
use h2::client::SendRequest;
use tokio::net::{TcpSocket, TcpStream};

use crate::http2::Pool;
use crate::stream::Stream;

/// The mount to be measured: `http://127.0.0.1:8081/echo`.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    scheme: Scheme,
    address: SocketAddr,
    host: String,
    prefix: String,
    pool: Pool,
    later: Option<Box<Self>>,
}

/// The protocol between the generator and the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scheme {
    /// HTTP/1.1: `http`.
    Http,
    /// HTTP/1.1 over TLS, whatever the certificate: `https`.
    Https,
    /// HTTP/2 without TLS, from the first byte: `h2c`.
    Http2,
}

impl Scheme {
    const ALL: [Self; 3] = [Self::Http, Self::Https, Self::Http2];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Http2 => "h2c",
        }
    }

    /// Returns how `serve --over` calls it.
    pub(crate) fn served_by(self) -> &'static str {
        match self {
            Self::Http => "http1",
            Self::Https => "tls",
            Self::Http2 => "http2",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http | Self::Http2 => 80,
            Self::Https => 443,
        }
    }
}

impl Target {
    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Sends all requests of a session but the first to the same mount of another node.
    pub(crate) fn through(self, node: Option<Self>) -> Self {
        Self {
            later: node.map(Box::new),
            ..self
        }
    }

    /// Returns where all requests of a session but the first go, if that is another node.
    pub(crate) fn later(&self) -> Option<&Self> {
        self.later.as_deref()
    }

    /// Returns the path of `endpoint` under the prefix.
    pub(crate) fn path(&self, endpoint: &str) -> String {
        format!("{}/{endpoint}", self.prefix)
    }

    /// Returns the path of `endpoint` of a session.
    pub(crate) fn session_path(&self, id: &SessionId, endpoint: &str) -> String {
        format!("{}/000/{id}/{endpoint}", self.prefix)
    }

    /// Connects to the server, from any of many addresses if it is this machine.
    ///
    /// Two addresses have some 28,000 connections between them, those that ended lately included.
    /// On Linux all of 127.0.0.0/8 is this machine.
    pub(crate) async fn connect(&self) -> io::Result<Stream> {
        const SOURCES: u32 = 200;
        static NEXT: AtomicU32 = AtomicU32::new(0);

        let stream = if cfg!(target_os = "linux") && self.address.ip() == Ipv4Addr::LOCALHOST {
            let source = NEXT.fetch_add(1, Ordering::Relaxed) % SOURCES;
            let source = Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + source);
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::new(IpAddr::V4(source), 0))?;
            socket.connect(self.address).await?
        } else {
            TcpStream::connect(self.address).await?
        };
        stream.set_nodelay(true)?;
        match self.scheme {
            Scheme::Https => Stream::tls(stream).await,
            Scheme::Http | Scheme::Http2 => Ok(Stream::Tcp(stream)),
        }
    }

    /// Returns an HTTP/2 connection with room for a session.
    pub(crate) async fn http2(&self) -> io::Result<SendRequest<Bytes>> {
        self.pool.connection(self.connect()).await
    }
}

impl FromStr for Target {
    type Err = anyhow::Error;

    fn from_str(url: &str) -> Result<Self, anyhow::Error> {
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let scheme = Scheme::ALL.into_iter().find(|it| it.name() == scheme);
        let Some(scheme) = scheme else {
            bail!("not an http://, https:// or h2c:// URL: {url}");
        };
        let (host, prefix) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let authority = if host.contains(':') {
            host.to_owned()
        } else {
            format!("{host}:{}", scheme.port())
        };
        let address = authority
            .to_socket_addrs()
            .with_context(|| format!("cannot resolve {host}"))?
            .next()
            .with_context(|| format!("{host} has no address"))?;
        Ok(Self {
            scheme,
            address,
            host: host.to_owned(),
            prefix: prefix.trim_end_matches('/').to_owned(),
            pool: Pool::default(),
            later: None,
        })
    }
}

/// The session's part of a URL: eight characters, as the JavaScript client has them.
#[derive(Clone, Debug)]
pub(crate) struct SessionId(u32);

impl SessionId {
    /// Returns an id that this process had not before, and others most likely neither.
    pub(crate) fn fresh() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);

        let mut next = NEXT.fetch_add(1, Ordering::Relaxed);
        if next == 0 {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let start = now.map_or(0, |now| now.as_micros() as u32);
            NEXT.fetch_add(start, Ordering::Relaxed);
            next = NEXT.fetch_add(1, Ordering::Relaxed);
        }
        Self(next)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_is_address_and_prefix() {
        let target: Target = "http://127.0.0.1:8081/a/echo/".parse().unwrap();
        assert_eq!(target.address, "127.0.0.1:8081".parse().unwrap());
        assert_eq!(target.path("info"), "/a/echo/info");
        assert_eq!(
            target.session_path(&SessionId(10), "xhr"),
            "/a/echo/000/0000000a/xhr"
        );
    }

    #[test]
    fn prefix_may_be_missing() {
        let target: Target = "http://127.0.0.1".parse().unwrap();
        assert_eq!(target.address.port(), 80);
        assert_eq!(target.path("info"), "/info");
    }

    #[test]
    fn other_schemes_are_refused() {
        assert!("ftp://127.0.0.1".parse::<Target>().is_err());
        assert!("127.0.0.1:8081".parse::<Target>().is_err());
    }
}
