//! `closed` returns the ending of a session, at any time and any number of times.

use std::{future::Future, pin::pin};

use axum::Router;
use futures_util::{FutureExt as _, StreamExt as _, future::join_all};
use sockjs_axum::{Cause, Ending, Session, SockJsLayer, Transport};
use support::{Client, Frame, PATIENCE, Server, Sessions, received, until, within};

use super::told;

/// Opens a session over some transport whose client is there to be told something.
async fn open(transport: Transport) -> (Server, Client, Session) {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let mut client = Client::open(server.addr(), "/echo", transport).await;
    client.attach().await;
    (server, client, sessions.next().await)
}

fn is_pending<T>(future: impl Future<Output = T>) -> bool {
    pin!(future).now_or_never().is_none()
}

#[tokio::test]
async fn every_handle_returns_the_same_ending_each_time() {
    for &transport in Transport::ALL {
        let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo"));
        let handle = layer.handle();
        let server = Server::start(Router::new().layer(layer)).await;
        let mut client = Client::open(server.addr(), "/echo", transport).await;
        client.attach().await;
        let session = sessions.next().await;
        let outside = handle.get(session.id()).expect("it is open");
        assert!(is_pending(session.closed()), "nothing has ended");
        let (sender, receiver) = session.split();
        let clone = sender.clone();
        let before: Vec<_> = [&sender, &clone].map(|it| it.closed()).into();

        // Calls that were waiting, then later calls.
        let early = tokio::spawn({
            let (clone, outside) = (sender.clone(), outside.clone());
            async move { tokio::join!(clone.closed(), clone.closed(), outside.closed()) }
        });
        tokio::task::yield_now().await;
        assert!(!early.is_finished(), "nothing has ended");
        sender.close(3000, "Go away!");
        client.expect_close(3000, "Go away!").await;

        let (one, two, three) = within("the end", early).await.unwrap();
        let mut endings = vec![one, two, three];
        endings.extend(within("the end", join_all(before)).await);
        for _ in 0..3 {
            endings.push(sender.closed().await);
            endings.push(clone.closed().await);
            endings.push(receiver.closed().await);
            endings.push(outside.closed().await);
        }
        for ending in endings {
            let expected = (Cause::ClosedByApp, 3000, "Go away!");
            assert_eq!((told(&ending), ending.undelivered()), (expected, 0));
        }
    }
}

#[tokio::test]
async fn dropping_a_wait_for_the_end_changes_nothing() {
    let (_server, mut client, session) = open(Transport::EventSource).await;

    for _ in 0..1000 {
        assert!(is_pending(session.closed()));
    }

    session.try_send("still open").unwrap();
    assert_eq!(client.messages(1).await, ["still open"]);
    session.close(3000, "Go away!");
    client.expect_close(3000, "Go away!").await;
    assert_eq!(session.closed().await.reason().code(), 3000);
}

#[tokio::test]
async fn closed_does_not_wait_for_messages_to_be_received() {
    for &transport in Transport::ALL {
        let (_server, mut client, mut session) = open(transport).await;
        client.send("1").await;
        client.send("2").await;
        assert_eq!(received(&mut session).await, "1");

        if transport.is_websocket() {
            // Which does not overtake a message as a reset does.
            client.socket().send(Frame::close(1000, "")).await;
        } else {
            client.reset();
        }

        within("the end", session.closed()).await;
        assert_eq!(received(&mut session).await, "2");
        assert_eq!(within("the end", session.recv()).await, None);
    }
}

/// Everything that may end a session happens at the same time, in every order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ends_once_whatever_happens_at_the_same_time() {
    let layer = SockJsLayer::new("/echo").disconnect_delay(PATIENCE);
    let (layer, mut sessions) = Sessions::capture(layer);
    let handle = layer.handle();
    let server = Server::start(Router::new().layer(layer)).await;

    for round in 0..24 {
        for &transport in Transport::ALL {
            let mut client = Client::open(server.addr(), "/echo", transport).await;
            let session = sessions.next().await;
            let outside = handle.get(session.id()).expect("it is open");
            let waiting = {
                let outside = outside.clone();
                tokio::spawn(async move { outside.closed().await })
            };
            client.attach().await;
            let (sender, receiver) = session.split();
            let (clone, handle) = (sender.clone(), handle.clone());
            let mut ends = [
                async move { clone.close(3000, "by a sender") }.boxed(),
                async move {
                    handle.close_all(4000, "by the handle");
                }
                .boxed(),
                async move { client.reset() }.boxed(),
            ];
            ends.rotate_left(round % 3);
            for end in ends.map(tokio::spawn) {
                end.await.unwrap();
            }

            let messages: Vec<_> = within("the end", receiver.collect()).await;
            assert!(messages.is_empty(), "{messages:?}");
            let endings: [Ending; 3] = [
                within("the end", waiting).await.unwrap(),
                sender.closed().await,
                outside.closed().await,
            ];
            let same = endings.iter().all(|ending| *ending == endings[0]);
            assert!(same, "{endings:?}");
        }
    }

    until("all ends", || handle.is_empty()).await;
}
