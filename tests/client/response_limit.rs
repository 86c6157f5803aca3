use axum::Router;
use sockjs_axum::{Session, SockJsLayer};
use sockjs_client::Client;
use support::within;

use crate::places::Place;

const COUNT: usize = 500;

/// Sends all at once, so that responses end while messages are waiting, and when the client says so
/// one after the other, so that they end while none is.
async fn count(mut session: Session) {
    for i in 0..COUNT {
        if session.send(i.to_string()).await.is_err() {
            return;
        }
    }
    while let Some(message) = session.recv().await {
        session.send(message).await.ok();
    }
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_where_a_response_ends() {
    for limit in [1, 40, 1000] {
        let layer = SockJsLayer::new("/count")
            .on_session(count)
            .response_limit(limit)
            .frame_limit(100);
        for place in Place::all(Router::new().layer(layer)).await {
            for transport in Client::TRANSPORTS {
                let client = place.client("/count", transport);
                let mut client = client.connect().await.unwrap();
                let all = async {
                    for i in 0..COUNT {
                        assert_eq!(client.recv().await.unwrap(), *i.to_string());
                    }
                    for i in 0..100 {
                        client.send(i.to_string()).await.unwrap();
                        assert_eq!(client.recv().await.unwrap(), *i.to_string());
                    }
                };
                within(format!("{transport}, {limit}"), all).await;
            }
        }
    }
}
