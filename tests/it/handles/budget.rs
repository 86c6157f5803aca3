//! A handler that always has something to do lets the other tasks of its thread run.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::{SinkExt, StreamExt as _};
use sockjs_axum::{Message, Session, SockJsLayer};
use support::{Server, Wire, until};
use tokio::task::yield_now;

const MESSAGES: usize = 20_000;

/// More than tokio's budget, which is 128, and far less than there is to do.
const MOST: usize = 1000;

const OPEN: &str = "the session is open";

/// Counts what a handler does.
#[derive(Clone, Debug, Default)]
struct Counter(Arc<AtomicUsize>);

impl Counter {
    fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns the most that was counted between two runs of a task that is always ready, until
    /// everything is done.
    async fn longest_run(&self) -> usize {
        let (mut longest, mut before) = (0, 0);
        until("all messages", || {
            let now = self.get();
            longest = longest.max(now - before);
            before = now;
            now == MESSAGES
        })
        .await;
        longest
    }
}

/// Serves a handler that counts, and sends it messages. All tasks run on the test's thread.
async fn longest_run<F>(
    serve: impl Fn(Session, Counter) -> F + Clone + Send + Sync + 'static,
) -> usize
where
    F: Future<Output = ()> + Send + 'static,
{
    let counter = Counter::default();
    let counted = counter.clone();
    let handler = move |session| serve(session, counted.clone());
    let configure = |layer: SockJsLayer| layer.on_session(handler).send_buffer(10_000_000);
    let server = Server::echo(configure).await;
    let peer = server.peer();
    let mut client = peer.receiver(Wire::XhrStreaming);
    client.expect("o").await;
    let payload = serde_json::to_string(&vec![""; MESSAGES]).expect("texts are JSON");
    tokio::join!(counter.longest_run(), peer.send(payload)).0
}

#[tokio::test]
async fn a_handler_that_receives_without_end_yields() {
    let recv = |mut session: Session, counter: Counter| async move {
        while session.recv().await.is_some() {
            counter.count();
        }
    };
    let stream = |mut session: Session, counter: Counter| async move {
        while session.next().await.is_some() {
            counter.count();
        }
    };
    let receiver = |session: Session, counter: Counter| async move {
        let (_sender, mut receiver) = session.split();
        while receiver.recv().await.is_some() {
            counter.count();
        }
    };
    let receiver_stream = |session: Session, counter: Counter| async move {
        let (_sender, mut receiver) = session.split();
        while receiver.next().await.is_some() {
            counter.count();
        }
    };
    for run in [
        longest_run(recv).await,
        longest_run(stream).await,
        longest_run(receiver).await,
        longest_run(receiver_stream).await,
    ] {
        assert!(run < MOST, "{run} messages in one run");
    }
}

#[tokio::test]
async fn a_handler_that_sends_without_end_yields() {
    let send = |session: Session, counter: Counter| async move {
        for _ in 0..MESSAGES {
            session.send("").await.expect(OPEN);
            counter.count();
        }
        session.closed().await;
    };
    let sink = |mut session: Session, counter: Counter| async move {
        for _ in 0..MESSAGES {
            SinkExt::<Message>::send(&mut session, "".into())
                .await
                .expect(OPEN);
            counter.count();
        }
        session.closed().await;
    };
    let feed = |session: Session, counter: Counter| async move {
        let (mut sender, _receiver) = session.split();
        for _ in 0..MESSAGES {
            sender.feed("".into()).await.expect(OPEN);
            counter.count();
        }
        sender.closed().await;
    };
    for run in [
        longest_run(send).await,
        longest_run(sink).await,
        longest_run(feed).await,
    ] {
        assert!(run < MOST, "{run} messages in one run");
    }
}

/// The task of a WebSocket polls the socket and the handler.
#[tokio::test]
async fn a_websocket_that_is_never_idle_lets_others_run() {
    let counter = Counter::default();
    let counted = counter.clone();
    let handler = move |mut session: Session| {
        let counter = counted.clone();
        async move {
            while session.recv().await.is_some() {
                counter.count();
            }
        }
    };
    let server = Server::echo(|layer| layer.on_session(handler)).await;
    let mut socket = server.websocket("/echo/000/abc/websocket").open().await;
    socket.expect("o").await;
    let payload = serde_json::to_string(&vec![""; MESSAGES]).expect("texts are JSON");

    let (run, ()) = tokio::join!(counter.longest_run(), socket.send_text(payload));

    assert!(run < MOST, "{run} messages in one run");
    yield_now().await;
}
