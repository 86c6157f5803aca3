//! A runtime that ends takes the tasks of its sessions along.

use std::time::Duration;

use axum::Router;
use sockjs_axum::{Cause, Session, SessionState, SockJsLayer, Transport};
use support::{Client, Server};
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime is made")
}

/// The sessions live on the server's runtime, their clients and those who know them on others.
#[test]
fn a_session_ends_when_its_runtime_is_dropped() {
    for &transport in Transport::ALL {
        let idle = |session: Session| async move { drop(session.closed().await) };
        let layer = SockJsLayer::new("/echo").on_session(idle);
        let handle = layer.handle();
        let (theirs, ours) = (runtime(), runtime());
        let (_client, session) = theirs.block_on(async {
            let server = Server::start(Router::new().layer(layer)).await;
            let client = Client::open(server.addr(), "/echo", transport).await;
            let session = handle.sessions().next().expect("a session");
            (client, session)
        });
        let session_ends = session.clone();
        assert_eq!(session.state(), SessionState::Open, "{transport:?}");
        assert_eq!(handle.len(), 1);

        drop(theirs);

        assert_eq!(session.state(), SessionState::Closed, "{transport:?}");
        let ended = async {
            let ending = tokio::time::timeout(Duration::from_secs(20), session_ends.closed());
            ending.await.expect("whoever waits is told")
        };
        let ending = ours.block_on(ended);
        // The runtime may drop the task of the connection before that of the session.
        let causes = match transport {
            Transport::Xhr | Transport::Jsonp => &[Cause::ShuttingDown][..],
            _ => &[Cause::ShuttingDown, Cause::ReceiverLost],
        };
        assert!(
            causes.contains(&ending.cause()),
            "{transport:?}: {ending:?}"
        );
        assert!(handle.is_empty());
    }
}
