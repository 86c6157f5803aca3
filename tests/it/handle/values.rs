//! Values that the application keeps with a session.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::Router;
use sockjs_axum::{Session, SessionRef, SlowPolicy, SockJsLayer, Transport};
use support::{Client, Server, ending, until, within};
use tokio::sync::mpsc;

use super::Bench;

#[derive(Clone, Debug, Eq, PartialEq)]
struct User(&'static str);

#[tokio::test]
async fn filters_see_the_values_of_a_session() {
    let mut bench = Bench::start(|layer| layer).await;
    let mut users = Vec::new();
    for name in ["Ann", "Bob"] {
        let (client, session) = bench.open(Transport::WebSocket).await;
        assert_eq!(session.insert(User(name)), None);
        users.push((client, session));
    }
    let (_stranger, nobody) = bench.open(Transport::Xhr).await;
    let is_bob = |it: &SessionRef| it.get::<User>() == Some(User("Bob"));

    let sent = bench.handle.broadcast_to(is_bob, "x", SlowPolicy::Wait);
    assert_eq!(sent.await.sent, 1);
    assert_eq!(users[1].0.messages(1).await, ["x"]);
    let known = bench.handle.get(users[0].1.id()).expect("it is open");
    assert_eq!(known.get(), Some(User("Ann")));
    assert_eq!(bench.handle.close_where(is_bob, 3000, "Go away!"), 1);
    users[1].0.expect_close(3000, "Go away!").await;

    assert_eq!(known.insert(User("Eve")), Some(User("Ann")));
    assert_eq!(users[0].1.remove(), Some(User("Eve")));
    assert_eq!(known.get::<User>(), None);
    assert_eq!(nobody.get::<User>(), None);
}

/// A handler that ends with its session, and looks at its value before it returns.
#[tokio::test]
async fn a_handler_that_returns_after_the_end_still_has_its_values() {
    let (looked, mut seen) = mpsc::unbounded_channel();
    let layer = SockJsLayer::new("/echo").on_session(move |mut session: Session| {
        let looked = looked.clone();
        async move {
            let value = Arc::new(());
            session.insert(value.clone());
            // The value is in a circle, because the session has it, and it has the session.
            session.insert(Circle(session.session_ref().clone(), value));
            while session.recv().await.is_some() {}
            let circle = session.get::<Circle>().map(|it| it.0);
            looked.send((session.get::<Arc<()>>(), circle)).ok();
        }
    });
    let server = Server::start(Router::new().layer(layer)).await;
    for &transport in Transport::ALL {
        let mut client = Client::open(server.addr(), "/echo", transport).await;
        client.attach().await;
        client.reset();

        let (value, outside) = within("the handler's end", seen.recv()).await.unwrap();

        let (value, outside) = (value.expect("a value"), outside.expect("a reference"));
        // All others are dropped when the handler has returned.
        until("one reference", || Arc::strong_count(&value) == 1).await;
        assert_eq!(outside.get::<Arc<()>>(), None);
        assert_eq!(outside.insert(value.clone()), None);
        assert_eq!(Arc::strong_count(&value), 1);
    }
}

#[derive(Clone)]
struct Circle(SessionRef, #[expect(dead_code)] Arc<()>);

/// A handler that moved its session to another task returns long before the session ends.
#[tokio::test]
async fn whoever_has_the_session_has_its_values() {
    let mut bench = Bench::start(|layer| layer).await;
    let (client, session) = bench.open(Transport::WebSocket).await;
    let value = Arc::new(());
    session.insert(value.clone());
    client.reset();
    ending(&session).await;
    until("no session", || bench.handle.is_empty()).await;
    assert!(session.get::<Arc<()>>().is_some());
    let (sender, receiver) = session.split();
    drop(receiver);

    until("one reference", || Arc::strong_count(&value) == 1).await;
    assert_eq!(sender.get::<Arc<()>>(), None);
}

/// Panics when the last clone is dropped, and what it panics with does so too.
#[derive(Clone)]
struct Bomb(#[expect(dead_code)] Arc<Explosive>);

struct Explosive(Arc<AtomicUsize>);

impl Drop for Explosive {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        std::panic::panic_any(Second(self.0.clone()));
    }
}

struct Second(Arc<AtomicUsize>);

impl Drop for Second {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        panic!("a test's second panic");
    }
}

#[tokio::test]
async fn values_that_panic_when_they_are_dropped_harm_nobody() {
    let exploded = Arc::new(AtomicUsize::new(0));
    let layer = SockJsLayer::new("/echo").max_sessions(2).on_session({
        let exploded = exploded.clone();
        move |mut session: Session| {
            let exploded = exploded.clone();
            async move {
                session.join("tea").unwrap();
                let value = Arc::new(Explosive(exploded));
                session.insert(Bomb(value.clone()));
                session.insert(Some(Bomb(value)));
                while let Some(message) = session.recv().await {
                    session.send(message).await.ok();
                }
            }
        }
    });
    let handle = layer.handle();
    let server = Server::start(Router::new().layer(layer)).await;
    let mut other = Client::open(server.addr(), "/echo", Transport::WebSocket).await;
    for (n, &transport) in Transport::ALL.iter().enumerate() {
        let mut client = Client::open(server.addr(), "/echo", transport).await;
        client.attach().await;
        client.reset();

        let both = 2 * (n + 1);
        until("two panics", || exploded.load(Ordering::Relaxed) == both).await;
        // There is room for two sessions, and nobody else is in the topic.
        until("its end", || handle.len() == 1).await;
        assert_eq!(handle.topic("tea").len(), 1);
        other.echo("still here").await;
    }
}
