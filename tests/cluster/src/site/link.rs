use std::io;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A proxy in front of a port of this machine, which fails when told to, as networks do.
#[derive(Debug)]
pub(crate) struct Link {
    port: u16,
    state: watch::Sender<State>,
    task: JoinHandle<()>,
}

/// What a link does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    /// It passes everything on.
    Sound,
    /// It breaks all connections, and each new one.
    Cut,
    /// It keeps connections, and takes new ones, but passes nothing on.
    Stalled,
    /// It keeps connections, but passes nothing back.
    HalfOpen,
}

impl Link {
    /// Opens a link to a port. Nothing needs to listen there yet.
    pub(crate) async fn to(target: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let (state, watched) = watch::channel(State::Sound);
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, target, watched.clone()));
            }
        });
        Ok(Self { port, state, task })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Carries a connection until an end closes it or it is cut. Errors are ends, too.
async fn carry(near: TcpStream, target: u16, mut state: watch::Receiver<State>) {
    let until_cut = {
        let mut state = state.clone();
        async move {
            // Without a link, nothing is to be carried either.
            let _ = state.wait_for(|state| *state == State::Cut).await;
        }
    };
    let carried = async {
        // A link that is stalled takes the connection, and is silent.
        let _ = state.wait_for(|state| *state != State::Stalled).await;
        let far = TcpStream::connect(("127.0.0.1", target)).await?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        let (near_reader, near_writer) = near.into_split();
        let (far_reader, far_writer) = far.into_split();
        let there = |state| matches!(state, State::Sound | State::HalfOpen);
        let back = |state| matches!(state, State::Sound);
        tokio::try_join!(
            pass(near_reader, far_writer, state.clone(), there),
            pass(far_reader, near_writer, state.clone(), back),
        )
    };
    tokio::select! {
        _ = carried => {}
        () = until_cut => {}
    }
}

/// Passes bytes on while the link passes any in this direction.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<State>,
    passes: impl Fn(State) -> bool,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let len = from.read(&mut buffer).await?;
        if state.wait_for(|state| passes(*state)).await.is_err() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if len == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..len]).await?;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// Returns a link, and the two ends of a connection over it.
    async fn connection() -> (Link, TcpStream, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let link = Link::to(listener.local_addr().unwrap().port())
            .await
            .unwrap();
        let near = TcpStream::connect(("127.0.0.1", link.port()))
            .await
            .unwrap();
        let (far, _) = listener.accept().await.unwrap();
        (link, near, far)
    }

    async fn passes(from: &mut TcpStream, to: &mut TcpStream) -> bool {
        from.write_all(b"x").await.unwrap();
        let mut byte = [0];
        let limit = Duration::from_millis(200);
        matches!(timeout(limit, to.read_exact(&mut byte)).await, Ok(Ok(_)))
    }

    #[tokio::test]
    async fn link_passes_what_its_state_says() {
        for (state, there, back) in [
            (State::Sound, true, true),
            (State::HalfOpen, true, false),
            (State::Stalled, false, false),
        ] {
            let (link, mut near, mut far) = connection().await;
            link.set(state);
            assert_eq!(passes(&mut near, &mut far).await, there, "{state:?}");
            assert_eq!(passes(&mut far, &mut near).await, back, "{state:?}");
        }
    }

    #[tokio::test]
    async fn nothing_is_lost_by_a_stall() {
        let (link, mut near, mut far) = connection().await;
        link.set(State::Stalled);
        assert!(!passes(&mut near, &mut far).await);
        link.set(State::Sound);
        assert!(passes(&mut near, &mut far).await);
        far.read_exact(&mut [0]).await.unwrap();
    }

    #[tokio::test]
    async fn cut_breaks_connections_and_new_ones() {
        let (link, mut near, mut far) = connection().await;
        link.set(State::Cut);
        assert!(!matches!(near.read(&mut [0]).await, Ok(1..)));
        assert!(!matches!(far.read(&mut [0]).await, Ok(1..)));
        let mut near = TcpStream::connect(("127.0.0.1", link.port()))
            .await
            .unwrap();
        assert!(!matches!(near.read(&mut [0]).await, Ok(1..)));
    }
}
