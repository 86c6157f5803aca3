use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use sockjs_axum::{Session, SockJsLayer};
use sockjs_client::Client;
use support::{PATIENCE, Sessions, within};
use tokio::time::timeout;

use crate::places::all_transports;

const MESSAGE: usize = 10_000;
const COUNT: usize = 300;

fn message(i: usize) -> String {
    format!("{i:0>MESSAGE$}")
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_receive_makes_the_server_wait() {
    for transport in all_transports() {
        let sent = Arc::new(AtomicUsize::new(0));
        let counter = sent.clone();
        let handler = move |session: Session| {
            let counter = counter.clone();
            async move {
                for i in 0..COUNT {
                    session.send(message(i)).await.ok();
                    counter.fetch_add(MESSAGE, Relaxed);
                }
                session.closed().await;
            }
        };
        let layer = SockJsLayer::new("/flood")
            .on_session(handler)
            .send_buffer(100_000)
            .send_timeout(PATIENCE);
        let client = Client::over(Router::new().layer(layer), "/flood")
            .transport(transport)
            .receive_buffer(100_000);
        let mut client = client.connect().await.unwrap();

        // With a paused clock, a second passes when nothing else can be done.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let after_a_second = sent.load(Relaxed);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(sent.load(Relaxed), after_a_second, "{transport}");
        // Buffers of both ends, of the pipe between them, and of hyper.
        assert!(after_a_second < 1_500_000, "{transport}: {after_a_second}");

        for i in 0..COUNT {
            assert_eq!(client.recv().await.unwrap(), *message(i));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_does_not_receive_makes_the_client_wait() {
    for transport in all_transports() {
        let layer = SockJsLayer::new("/sink").receive_buffer(100_000);
        let (layer, mut sessions) = Sessions::capture(layer);
        let client = Client::over(Router::new().layer(layer), "/sink")
            .transport(transport)
            .send_buffer(100_000);
        let client = client.connect().await.unwrap();
        let mut session = sessions.next().await;

        let mut sent = 0;
        while let Ok(result) = timeout(Duration::from_secs(1), client.send(message(sent))).await {
            result.unwrap();
            sent += 1;
        }
        assert!(sent * MESSAGE < 1_000_000, "{transport}: {sent}");

        let sending = async {
            for i in sent..COUNT {
                client.send(message(i)).await.unwrap();
            }
        };
        let receiving = async {
            for i in 0..COUNT {
                assert_eq!(session.recv().await.unwrap(), *message(i));
            }
        };
        within(transport, async { tokio::join!(sending, receiving) }).await;
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_receiver_messages_are_discarded() {
    async fn floods(session: Session) {
        for i in 0..COUNT {
            session.send(message(i)).await.ok();
        }
        session.close(3000, "all sent");
    }
    let app = Router::new().layer(SockJsLayer::new("/flood").on_session(floods));
    for transport in all_transports() {
        let client = Client::over(app.clone(), "/flood").transport(transport);
        let (sender, receiver) = client.connect().await.unwrap().split();
        drop(receiver);
        assert_eq!(sender.closed().await.code(), 3000, "{transport}");
    }
}
