//! All sessions of a mount, seen from outside their handlers.

mod broadcast;
mod stress;
mod topics;
mod values;

use std::collections::{HashMap, HashSet};

use axum::Router;
use sockjs_axum::{
    Cause, Session, SessionState, SockJsHandle, SockJsLayer, Transport, TrySendError,
};
use support::{Client, PATIENCE, Server, Sessions, Wire, ending, received, until, within};

/// A server whose sessions the test holds, with a handle to them.
struct Bench {
    server: Server,
    handle: SockJsHandle,
    sessions: Sessions,
}

impl Bench {
    async fn start(configure: impl FnOnce(SockJsLayer) -> SockJsLayer + Clone) -> Self {
        let layer = SockJsLayer::new("/echo")
            .disconnect_delay(PATIENCE)
            .heartbeat_delay(PATIENCE);
        let (layer, sessions) = Sessions::capture(configure(layer));
        Self {
            handle: layer.handle(),
            server: Server::start(Router::new().layer(layer)).await,
            sessions,
        }
    }

    async fn open(&mut self, transport: Transport) -> (Client, Session) {
        let client = Client::open(self.server.addr(), "/echo", transport).await;
        (client, self.sessions.next().await)
    }
}

#[tokio::test]
async fn counts_follow_the_sessions() {
    let mut bench = Bench::start(|layer| layer).await;
    assert!(bench.handle.is_empty());
    let mut open = Vec::new();
    let mut counts = HashMap::new();

    for (more, &transport) in Transport::ALL.iter().enumerate() {
        for _ in 0..=more {
            open.push(bench.open(transport).await);
        }
        counts.insert(transport, more + 1);

        assert_eq!(bench.handle.count_by_transport(), counts);
        assert_eq!(bench.handle.len(), open.len());
        let ids: HashSet<_> = open.iter().map(|(_, session)| session.id()).collect();
        let known: HashSet<_> = bench.handle.sessions().map(|it| it.id()).collect();
        assert_eq!((&known, known.len()), (&ids, open.len()));
    }

    while let Some((mut client, session)) = open.pop() {
        let id = session.id();
        assert_eq!(bench.handle.get(id).map(|it| it.id()), Some(id));
        client.attach().await;
        client.reset();
        ending(&session).await;
        until("one less", || bench.handle.len() == open.len()).await;
        assert!(bench.handle.get(id).is_none());
        let sum: usize = bench.handle.count_by_transport().values().sum();
        assert_eq!(sum, open.len());
    }
    assert!(bench.handle.is_empty());
    assert_eq!(bench.handle.count_by_transport(), HashMap::new());
    assert_eq!(bench.handle.sessions().count(), 0);
}

#[tokio::test]
async fn a_session_counts_for_its_current_transport() {
    let mut bench = Bench::start(|layer| layer.response_limit(1)).await;
    let (mut client, session) = bench.open(Transport::Xhr).await;
    let (peer, _) = client.http();

    for wire in Wire::ALL {
        session.try_send("x").unwrap();
        assert_eq!(peer.answer(wire).await, wire.frame(r#"a["x"]"#));
        let expected = HashMap::from([(wire.transport(), 1)]);
        assert_eq!(bench.handle.count_by_transport(), expected);
        let known = bench.handle.get(session.id()).expect("it is open");
        assert_eq!(known.transport(), wire.transport());
    }
}

#[tokio::test]
async fn a_handle_sees_the_sessions_of_its_own_mount_only() {
    let (one, mut ones) = Sessions::capture(SockJsLayer::new("/one"));
    let (two, mut twos) = Sessions::capture(SockJsLayer::new("/two"));
    let (at_one, at_two) = (one.handle(), two.clone().handle());
    let router = Router::new().layer(one).layer(two.clone());
    let server = Server::start(router).await;

    let _one = Client::open(server.addr(), "/one", Transport::WebSocket).await;
    let _two = Client::open(server.addr(), "/two", Transport::WebSocket).await;
    let _more = Client::open(server.addr(), "/two", Transport::WebSocket).await;
    let one = ones.next().await;
    let sessions = [twos.next().await, twos.next().await];

    assert_eq!((at_one.len(), at_two.len()), (1, 2));
    assert_eq!((at_one.clone().len(), two.handle().len()), (1, 2));
    assert!(at_one.get(one.id()).is_some() && at_two.get(one.id()).is_none());
    assert_eq!(at_two.close_all(3000, "Go away!"), 2);
    for session in sessions {
        assert_eq!(ending(&session).await.cause(), Cause::ClosedByApp);
    }
    assert_eq!(one.state(), SessionState::Open);
}

#[tokio::test]
async fn a_session_ref_has_the_properties_of_its_session() {
    for &transport in Transport::ALL {
        let mut bench = Bench::start(|layer| layer).await;
        let (mut client, mut session) = bench.open(transport).await;
        let outside = bench.handle.get(session.id()).expect("it is open");

        assert_eq!(outside.id(), session.id());
        assert_eq!(outside.transport(), transport);
        assert_eq!(outside.remote_addr(), session.remote_addr());
        assert!(outside.remote_addr().is_some());
        assert_eq!(outside.uri(), session.uri());
        assert_eq!(outside.path(), session.path());
        assert_eq!(outside.prefix(), "/echo");
        assert_eq!(outside.headers(), session.headers());
        assert_eq!(outside.state(), SessionState::Open);
        outside.try_send("1").unwrap();
        outside.send("2").await.unwrap();
        session.try_send("3").unwrap();
        assert_eq!(client.messages(3).await, ["1", "2", "3"]);
        client.send("x").await;
        assert_eq!(received(&mut session).await, "x");

        client.attach().await;
        outside.close(3000, "Go away!");
        client.expect_close(3000, "Go away!").await;
        let expected = ending(&session).await;
        assert_eq!(expected.cause(), Cause::ClosedByApp);
        // The reference still knows how the session ended.
        drop(session);
        assert_eq!(outside.state(), SessionState::Closed);
        assert_eq!(outside.closed().await, expected);
        let refused = TrySendError::Closed("x".into());
        assert_eq!(outside.try_send("x"), Err(refused));
        assert!(outside.send("x").await.is_err());
    }
}

#[tokio::test]
async fn a_session_ref_does_not_keep_its_session_open() {
    for &transport in Transport::ALL {
        let mut bench = Bench::start(|layer| layer).await;
        let (mut client, session) = bench.open(transport).await;
        client.attach().await;
        let outside = bench.handle.get(session.id()).expect("it is open");
        let all: Vec<_> = bench.handle.sessions().collect();

        drop(session);

        client.expect_close(1000, "Normal closure").await;
        let ending = within("the end", outside.closed()).await;
        assert_eq!(ending.cause(), Cause::ClosedByApp);
        until("no session", || bench.handle.is_empty()).await;
        drop(all);
    }
}

#[tokio::test]
async fn close_all_closes_all_sessions_after_their_messages() {
    let mut bench = Bench::start(|layer| layer).await;
    let mut open = Vec::new();
    for &transport in Transport::ALL {
        open.push(bench.open(transport).await);
    }
    for (_, session) in &open {
        session.try_send("last").unwrap();
    }

    let closed = bench.handle.close_all(3000, "Go away!");

    assert_eq!(closed, open.len());
    for (client, session) in &mut open {
        assert_eq!(client.messages(1).await, ["last"]);
        client.expect_close(3000, "Go away!").await;
        let ending = ending(session).await;
        assert_eq!(
            (ending.cause(), ending.reason().code()),
            (Cause::ClosedByApp, 3000)
        );
    }
    until("no session", || bench.handle.is_empty()).await;
    assert_eq!(bench.handle.close_all(3000, "Go away!"), 0);
    // This is not a shutdown: new sessions open.
    let (mut client, session) = bench.open(Transport::WebSocket).await;
    session.try_send("a new one").unwrap();
    assert_eq!(client.messages(1).await, ["a new one"]);
}

#[tokio::test]
async fn close_where_closes_the_chosen_sessions() {
    let mut bench = Bench::start(|layer| layer).await;
    let mut open = Vec::new();
    for &transport in Transport::ALL.iter().chain(Transport::ALL) {
        open.push(bench.open(transport).await);
    }

    let websockets = |it: &sockjs_axum::SessionRef| it.transport().is_websocket();
    let closed = bench.handle.close_where(websockets, 3000, "Go away!");

    assert_eq!(closed, 4);
    for (client, session) in &mut open {
        if client.transport().is_websocket() {
            client.expect_close(3000, "Go away!").await;
            ending(session).await;
        } else {
            assert_eq!(session.state(), SessionState::Open);
            session.try_send("still open").unwrap();
            assert_eq!(client.messages(1).await, ["still open"]);
        }
    }
    until("the others", || bench.handle.len() == 10).await;
}
