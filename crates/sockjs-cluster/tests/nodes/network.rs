//! A network in memory that breaks, stalls and refuses.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sockjs_cluster::{BoxedIo, Cluster, Connect};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, ReadHalf, WriteHalf,
    duplex, split,
};

#[derive(Clone, Default)]
pub(crate) struct Network(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    nodes: HashMap<SocketAddr, Cluster>,
    links: Vec<Link>,
    /// How long everything takes from one node to another.
    latency: Duration,
    /// Pairs between which nothing arrives.
    cut: HashSet<(SocketAddr, SocketAddr)>,
}

/// A connection between two nodes.
#[derive(Clone)]
struct Link {
    ends: [SocketAddr; 2],
    fault: Arc<Mutex<Fault>>,
}

#[derive(Default)]
struct Fault {
    mode: Mode,
    wakers: Vec<Waker>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Mode {
    #[default]
    Open,
    /// Nothing arrives.
    Stalled,
    /// The connection is reset.
    Broken,
}

impl Network {
    pub(crate) fn add(&self, addr: SocketAddr, cluster: &Cluster) {
        self.lock().nodes.insert(addr, cluster.clone());
    }

    /// Resets all connections of a node, and refuses new ones.
    pub(crate) fn kill(&self, addr: SocketAddr) {
        let mut state = self.lock();
        state.nodes.remove(&addr);
        state.set(|link| link.ends.contains(&addr), Mode::Broken);
    }

    /// Lets nothing through between two nodes, in both directions.
    pub(crate) fn cut(&self, a: SocketAddr, b: SocketAddr) {
        let mut state = self.lock();
        state.cut.extend([(a, b), (b, a)]);
        state.set(
            |link| link.ends == [a, b] || link.ends == [b, a],
            Mode::Stalled,
        );
    }

    /// Lets nothing through to and from a node.
    pub(crate) fn hang(&self, addr: SocketAddr) {
        let others: Vec<_> = self.lock().nodes.keys().copied().collect();
        for other in others {
            self.cut(addr, other);
        }
    }

    /// Sets how long everything takes on connections that are made from now on.
    pub(crate) fn set_latency(&self, latency: Duration) {
        self.lock().latency = latency;
    }

    /// How many connections were made from a node.
    pub(crate) fn connections_from(&self, addr: SocketAddr) -> usize {
        let state = self.lock();
        state
            .links
            .iter()
            .filter(|link| link.ends[0] == addr)
            .count()
    }

    /// Makes what a node connects with.
    pub(crate) fn connect_from(&self, from: SocketAddr) -> impl Connect + use<> {
        let network = self.clone();
        move |to| {
            let network = network.clone();
            async move { network.connect(from, to).await }
        }
    }

    /// Connects to a node.
    pub(crate) async fn connect(&self, from: SocketAddr, to: SocketAddr) -> io::Result<BoxedIo> {
        let is_cut = self.lock().cut.contains(&(from, to));
        if is_cut {
            tokio::time::sleep(Duration::from_secs(3600)).await;
        }
        let mut state = self.lock();
        let cluster = state.nodes.get(&to).cloned();
        let cluster = cluster.ok_or(io::ErrorKind::ConnectionRefused)?;
        let link = Link {
            ends: [from, to],
            fault: Arc::default(),
        };
        state.links.push(link.clone());
        let latency = state.latency;
        let (near, mut far) = duplex(BUFFER);
        if !latency.is_zero() {
            let (here, there) = duplex(BUFFER);
            tokio::spawn(delay(latency, far, here));
            far = there;
        }
        tokio::spawn(cluster.serve_connection(End::new(far, &link)));
        Ok(Box::new(End::new(near, &link)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

/// Carries everything from one connection to another, and back.
async fn delay(latency: Duration, a: DuplexStream, b: DuplexStream) {
    let (a_read, a_write) = split(a);
    let (b_read, b_write) = split(b);
    let there = carry(latency, a_read, b_write);
    let back = carry(latency, b_read, a_write);
    tokio::join!(there, back);
}

async fn carry(
    latency: Duration,
    mut from: ReadHalf<DuplexStream>,
    mut to: WriteHalf<DuplexStream>,
) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(len @ 1..) = from.read(&mut buffer).await {
        tokio::time::sleep(latency).await;
        if to.write_all(&buffer[..len]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

impl State {
    fn set(&mut self, which: impl Fn(&Link) -> bool, mode: Mode) {
        for link in self.links.iter().filter(|link| which(link)) {
            let mut fault = link.fault.lock().unwrap();
            fault.mode = mode;
            fault.wakers.drain(..).for_each(Waker::wake);
        }
    }
}

/// One end of a connection.
struct End {
    io: DuplexStream,
    fault: Arc<Mutex<Fault>>,
}

impl End {
    fn new(io: DuplexStream, link: &Link) -> Self {
        Self {
            io,
            fault: link.fault.clone(),
        }
    }

    fn check<T>(&self, cx: &mut Context<'_>) -> Option<Poll<io::Result<T>>> {
        let mut fault = self.fault.lock().unwrap();
        if !fault.wakers.iter().any(|it| it.will_wake(cx.waker())) {
            fault.wakers.push(cx.waker().clone());
        }
        match fault.mode {
            Mode::Open => None,
            Mode::Stalled => Some(Poll::Pending),
            Mode::Broken => Some(Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))),
        }
    }
}

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.check(cx) {
            Some(fault) => fault,
            None => Pin::new(&mut self.io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.check(cx) {
            Some(fault) => fault,
            None => Pin::new(&mut self.io).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.check(cx) {
            Some(fault) => fault,
            None => Pin::new(&mut self.io).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.check(cx) {
            Some(fault) => fault,
            None => Pin::new(&mut self.io).poll_shutdown(cx),
        }
    }
}

const BUFFER: usize = 64 * 1024;
