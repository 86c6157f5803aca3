//! Tasks of the application that wait for something of a session, and tasks that give up.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Instant,
};

use futures_util::Sink;
use sockjs_axum::{Message, Sender, Session, SlowPolicy, SockJsLayer};
use support::{LIMIT, Peer, Server, Sessions};

const OPEN: &str = "the session is open";

/// A task that counts how often it is woken.
#[derive(Debug, Default)]
struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Task {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    fn poll<T>(self: &Arc<Self>, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        let waker = Waker::from(self.clone());
        poll(&mut Context::from_waker(&waker))
    }

    /// Returns how often the task was woken since the last call.
    fn woken(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }

    /// Returns how many wakers of the task exist.
    fn held(self: &Arc<Self>) -> usize {
        Arc::strong_count(self) - 1
    }
}

/// A future and the task that polls it.
struct Wait<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
    task: Arc<Task>,
}

impl<'a, T> Wait<'a, T> {
    fn new(future: impl Future<Output = T> + Send + 'a) -> Self {
        Self {
            future: Box::pin(future),
            task: Task::new(),
        }
    }

    fn poll(&mut self) -> Poll<T> {
        self.task.poll(|cx| self.future.as_mut().poll(cx))
    }

    /// Polls the future, which waits.
    fn waits(mut self) -> Self {
        assert!(self.poll().is_pending());
        self
    }
}

/// A session over `xhr` whose send buffer has room for one message, and is full.
async fn full() -> (Server, Peer, Session) {
    let (server, mut sessions) = Server::capture(tiny).await;
    let (peer, session) = open(&server, &mut sessions).await;
    (server, peer, session)
}

fn tiny(layer: SockJsLayer) -> SockJsLayer {
    layer.send_buffer(1)
}

async fn open(server: &Server, sessions: &mut Sessions) -> (Peer, Session) {
    let peer = server.peer();
    peer.open().await;
    let session = sessions.next().await;
    session.try_send("first").expect(OPEN);
    (peer, session)
}

#[tokio::test]
async fn a_wait_that_is_given_up_leaves_nothing_behind() {
    let (layer, mut sessions) = Sessions::capture(tiny(SockJsLayer::new("/echo")));
    let handle = layer.handle();
    let server = Server::start(axum::Router::new().layer(layer)).await;
    let (_peer, session) = open(&server, &mut sessions).await;
    let reference = handle.get(session.id()).unwrap();
    let (sender, receiver) = session.split();

    for _ in 0..3 {
        let waits: [Wait<'_, ()>; 6] = [
            Wait::new(async { drop(sender.closed().await) }),
            Wait::new(async { drop(receiver.closed().await) }),
            Wait::new(async { drop(reference.closed().await) }),
            Wait::new(async { drop(sender.send("x").await) }),
            Wait::new(async { drop(reference.send("x").await) }),
            Wait::new(async {
                let _ = handle.broadcast("x", SlowPolicy::Wait).await;
            }),
        ];
        let waits = waits.map(Wait::waits);
        let tasks = waits.each_ref().map(|wait| wait.task.clone());
        drop(waits);
        for (n, task) in tasks.iter().enumerate() {
            assert_eq!(task.held(), 0, "wait {n}");
        }
    }
}

#[tokio::test]
async fn a_sink_that_is_dropped_leaves_nothing_behind() {
    let (_server, _peer, session) = full().await;
    let (sender, _receiver) = session.split();

    let task = Task::new();
    let mut flushing = sender.clone();
    Pin::new(&mut flushing).start_send("x".into()).unwrap();
    assert!(task.poll(|cx| flush(&mut flushing, cx)).is_pending());
    drop(flushing);
    assert_eq!(task.held(), 0);

    // Closing waits for the end of the session.
    let mut closing = sender.clone();
    let close = |cx: &mut Context<'_>| Sink::<Message>::poll_close(Pin::new(&mut closing), cx);
    assert!(task.poll(close).is_pending());
    drop(closing);
    assert_eq!(task.held(), 0);
}

fn flush(sender: &mut Sender, cx: &mut Context<'_>) -> Poll<()> {
    Sink::<Message>::poll_flush(Pin::new(sender), cx).map(|result| result.expect(OPEN))
}

#[tokio::test]
async fn the_sink_of_a_session_is_flushed_once_its_message_is_queued() {
    let (_server, peer, mut session) = full().await;
    let task = Task::new();
    Pin::new(&mut session).start_send("second".into()).unwrap();
    let mut flush = |cx: &mut Context<'_>| Sink::<Message>::poll_flush(Pin::new(&mut session), cx);
    assert!(task.poll(&mut flush).is_pending());

    assert_eq!(peer.poll().await, "a[\"first\"]\n");

    assert_eq!(task.woken(), 1);
    assert!(task.poll(&mut flush).is_ready());
    assert_eq!(peer.poll().await, "a[\"second\"]\n");
}

/// The time of each wait must not depend on how many others wait: one that looks at all of them
/// would look five billion times here.
#[tokio::test]
async fn a_hundred_thousand_tasks_wait_and_give_up_at_little_cost() {
    let (_server, _peer, session) = full().await;
    let start = Instant::now();

    let mut waits = Vec::new();
    for _ in 0..100_000 {
        waits.push(Wait::new(async { drop(session.closed().await) }).waits());
        waits.push(Wait::new(async { drop(session.send("x").await) }).waits());
    }
    drop(waits);

    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
}

#[tokio::test]
async fn senders_that_wait_are_served_in_the_order_in_which_they_came() {
    let (_server, peer, session) = full().await;
    let mut second = Wait::new(session.send("second")).waits();
    let mut third = Wait::new(session.send("third")).waits();

    assert_eq!(peer.poll().await, "a[\"first\"]\n");

    // One has room, so one is woken, and nobody else takes its room.
    assert_eq!((second.task.woken(), third.task.woken()), (1, 0));
    let mut late = Wait::new(session.send("late")).waits();
    assert!(session.try_send("later").is_err());
    assert!(third.poll().is_pending());
    assert!(second.poll().is_ready());
    assert_eq!(peer.poll().await, "a[\"second\"]\n");

    assert_eq!((third.task.woken(), late.task.woken()), (1, 0));
    assert!(late.poll().is_pending());
    assert!(third.poll().is_ready());
    assert_eq!(peer.poll().await, "a[\"third\"]\n");
    assert!(late.poll().is_ready());
}

#[tokio::test]
async fn as_many_senders_are_woken_as_there_is_room_for() {
    let room_for_three = |layer: SockJsLayer| layer.send_buffer(3 * (64 + 1));
    let (server, mut sessions) = Server::capture(room_for_three).await;
    let peer = server.peer();
    peer.open().await;
    let session = sessions.next().await;
    session.try_send("x".repeat(500)).unwrap();
    let mut waits = ["a", "b", "c", "d", "e"].map(|it| Wait::new(session.send(it)).waits());

    assert!(peer.poll().await.starts_with("a["));

    assert_eq!(waits.each_ref().map(|it| it.task.woken()), [1, 1, 1, 0, 0]);
    assert!(session.try_send("").is_err());
    for wait in &mut waits[..3] {
        assert!(wait.poll().is_ready());
    }
    assert_eq!(peer.poll().await, "a[\"a\",\"b\",\"c\"]\n");
    assert_eq!(waits.each_ref().map(|it| it.task.woken()), [0, 0, 0, 1, 1]);
    // There is room for one more than these.
    session.try_send("f").unwrap();
    assert!(session.try_send("g").is_err());
    for wait in &mut waits[3..] {
        assert!(wait.poll().is_ready());
    }
    assert_eq!(peer.poll().await, "a[\"f\",\"d\",\"e\"]\n");
}

#[tokio::test]
async fn a_sender_that_gives_up_passes_its_turn_on() {
    let (_server, peer, session) = full().await;
    let second = Wait::new(session.send("second")).waits();
    let third = Wait::new(session.send("third")).waits();
    let mut fourth = Wait::new(session.send("fourth")).waits();
    assert_eq!(peer.poll().await, "a[\"first\"]\n");
    assert_eq!(second.task.woken(), 1);

    // One gives up before it is its turn, one after.
    drop(third);
    assert_eq!(fourth.task.woken(), 0);
    drop(second);

    assert_eq!(fourth.task.woken(), 1);
    assert!(fourth.poll().is_ready());
    assert_eq!(peer.poll().await, "a[\"fourth\"]\n");
}

#[tokio::test]
async fn a_sink_that_gives_up_passes_its_turn_on() {
    let (_server, peer, session) = full().await;
    let (sender, _receiver) = session.split();
    let task = Task::new();
    let mut sink = sender.clone();
    Pin::new(&mut sink).start_send("sink".into()).unwrap();
    assert!(task.poll(|cx| flush(&mut sink, cx)).is_pending());
    let mut waiting = Wait::new(sender.send("second")).waits();
    assert_eq!(peer.poll().await, "a[\"first\"]\n");
    assert_eq!((task.woken(), waiting.task.woken()), (1, 0));

    drop(sink);

    assert_eq!(waiting.task.woken(), 1);
    assert!(waiting.poll().is_ready());
    assert_eq!(peer.poll().await, "a[\"second\"]\n");
}

#[tokio::test]
async fn every_sender_that_waits_hears_of_the_end() {
    let (_server, peer, session) = full().await;
    let mut waits = ["a", "b", "c"].map(|it| Wait::new(session.send(it)).waits());
    let mut closed = Wait::new(session.closed()).waits();

    session.close(3000, "Go away!");

    for (wait, message) in waits.iter_mut().zip(["a", "b", "c"]) {
        assert_eq!(wait.task.woken(), 1);
        let Poll::Ready(Err(error)) = wait.poll() else {
            panic!("it waits or is sent");
        };
        assert_eq!(error.into_message(), message);
    }
    assert!(closed.poll().is_pending());
    assert_eq!(peer.poll().await, "a[\"first\"]\n");
    assert_eq!(closed.task.woken(), 0);
    assert!(peer.poll().await.starts_with("c[3000"));
    assert_eq!(closed.task.woken(), 1);
    assert!(closed.poll().is_ready());
}
