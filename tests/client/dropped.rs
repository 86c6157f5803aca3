use std::time::Duration;

use axum::Router;
use futures_util::FutureExt;
use sockjs_axum::{Cause, SockJsLayer};
use sockjs_client::Client;
use support::{PATIENCE, Sessions, within};
use tokio::runtime::Handle;

use crate::places::{Place, all_transports};

#[tokio::test]
async fn a_client_that_is_dropped_is_gone_at_once() {
    let layer = SockJsLayer::new("/echo").disconnect_delay(PATIENCE);
    let (layer, mut sessions) = Sessions::capture(layer);
    for place in Place::all(Router::new().layer(layer)).await {
        for transport in all_transports() {
            let client = place.client("/echo", transport).connect().await.unwrap();
            let session = sessions.next().await;
            let (sender, receiver) = client.split();
            let clone = sender.clone();
            drop((sender, receiver));
            tokio::task::yield_now().await;
            clone.send("still here").await.unwrap();
            drop(clone);
            let ending = within(transport, session.closed()).await;
            assert_eq!(ending.cause(), Cause::ReceiverLost, "{transport}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_task_is_left() {
    let (layer, mut sessions) = Sessions::capture(SockJsLayer::new("/echo"));
    let app = Router::new().layer(layer);
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for transport in all_transports() {
        let connect = || {
            Client::over(app.clone(), "/echo")
                .transport(transport)
                .connect()
        };
        let client = connect().await.unwrap();
        let session = sessions.next().await;
        client.send("hello").await.unwrap();
        assert!(tasks() > before);
        drop(client);
        session.closed().await;
        drop(session);
        // With a paused clock, this passes when nothing else can be done.
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(tasks(), before, "{transport}: dropped");

        // A connection attempt that is given up.
        for polls in 0..20 {
            let mut attempt = Box::pin(connect());
            for _ in 0..polls {
                if attempt.as_mut().now_or_never().is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        while !sessions.is_empty() {
            drop(sessions.next().await);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(tasks(), before, "{transport}: given up");
    }
}
