use std::net::SocketAddr;

use axum::Router;
use axum::extract::connect_info::MockConnectInfo;
use futures_util::StreamExt;
use sockjs_axum::{Session, SockJsLayer};
use sockjs_client::{Client, Transport};
use support::within;

use crate::places::{Place, all_transports};

/// Texts that some transport has to escape, or that some server got wrong.
const TEXTS: [&str; 12] = [
    "plain ASCII",
    "",
    " \t leading and trailing \r\n",
    r#""quoted" \ back\\slash \u0041 \n"#,
    "</script><!-- 100%25 %41 %80 %0A %",
    "\0\u{1}\u{8}\u{b}\u{1f}\u{7f}\u{80}\u{9f}",
    "Grüße, żółć, Ελλάδα, Привет, שלום, العربية, 日本語",
    "😀 🇪🇺 \u{10ffff} \u{1d49c}",
    "\u{200b}\u{200f}\u{2028}\u{2029}\u{206f}\u{feff}\u{fff0}\u{fffd}\u{ffff}",
    r#"["a"]"#,
    r#"c[3000,"Go away!"]"#,
    "line\nline\rline\r\ndata: x\n\n",
];

fn messages(count: usize) -> Vec<String> {
    (0..count)
        .map(|i| {
            let text = TEXTS[i % TEXTS.len()];
            match i % 100 {
                _ if i < TEXTS.len() => text.to_owned(),
                50 => format!("{i} {}", text.repeat(1 + 8000 / (text.len() + 1))),
                _ => format!("{i} {text}"),
            }
        })
        .collect()
}

#[tokio::test]
async fn every_transport_echoes_what_is_sent_at_once() {
    let app = Router::new().layer(SockJsLayer::echo("/echo"));
    for place in Place::all(app).await {
        for transport in all_transports() {
            let client = place.client("/echo", transport).connect().await.unwrap();
            assert_eq!(client.transport(), transport);
            let sent = messages(1000);
            let (sender, mut receiver) = client.split();
            let sending = async {
                for message in &sent {
                    sender.send(message.as_str()).await.unwrap();
                }
            };
            let receiving = async {
                for message in &sent {
                    assert_eq!(receiver.recv().await.as_deref(), Some(&**message));
                }
            };
            within(transport, async { tokio::join!(sending, receiving) }).await;
            assert_eq!(sender.close().await.code(), 1000);
            assert_eq!(receiver.recv().await, None);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_transport_is_the_one_that_the_session_has() {
    async fn tell(session: Session) {
        session.send(session.transport().as_str()).await.ok();
        session.closed().await;
    }
    let app = Router::new().layer(SockJsLayer::new("/tell").on_session(tell));
    for transport in all_transports() {
        let client = Client::over(app.clone(), "/tell").transport(transport);
        let mut client = client.connect().await.unwrap();
        assert_eq!(client.next().await.as_deref(), Some(transport.as_str()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_no_router_has_clients_too() {
    let service = SockJsLayer::echo("/echo").into_service();
    for transport in all_transports() {
        let client = Client::over(service.clone(), "/echo").transport(transport);
        let mut client = client.connect().await.unwrap();
        client.send("hello").await.unwrap();
        assert_eq!(client.recv().await.as_deref(), Some("hello"));
    }
}

#[tokio::test(start_paused = true)]
async fn headers_and_query_reach_the_handler() {
    async fn tell(session: Session) {
        let header = |name| session.headers().get(name).map(|it| it.to_str());
        let told = format!(
            "{:?} {:?} {:?} {:?}",
            header("origin").unwrap(),
            header("x-tenant").unwrap(),
            header("host").unwrap(),
            session.uri().query(),
        );
        session.send(told).await.ok();
        session.closed().await;
    }
    let layer = SockJsLayer::new("/tell")
        .on_session(tell)
        .allowed_origins(["https://app.example"]);
    let app = Router::new().layer(layer);
    for transport in all_transports() {
        let client = Client::over(app.clone(), "http://app.example:81/tell?token=x")
            .transport(transport)
            .origin("https://app.example")
            .header("X-Tenant", "ours");
        let mut client = client.connect().await.unwrap();
        assert_eq!(
            client.recv().await.as_deref(),
            Some(r#"Ok("https://app.example") Ok("ours") Ok("app.example:81") Some("token=x")"#),
            "{transport}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_address_of_the_peer_is_the_one_that_the_service_says() {
    async fn tell(session: Session) {
        session
            .send(format!("{:?}", session.remote_addr()))
            .await
            .ok();
        session.closed().await;
    }
    let addr = SocketAddr::from(([192, 0, 2, 1], 4000));
    let layer = SockJsLayer::new("/tell").on_session(tell);
    let app = Router::new().layer(layer).layer(MockConnectInfo(addr));
    for transport in all_transports() {
        let client = Client::over(app.clone(), "/tell").transport(transport);
        let mut client = client.connect().await.unwrap();
        let told = client.recv().await.unwrap();
        assert_eq!(told, "Some(192.0.2.1:4000)", "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn clones_of_a_sender_send_to_one_session() {
    let app = Router::new().layer(SockJsLayer::echo("/echo"));
    let client = Client::over(app, "/echo").transport(Transport::Xhr);
    let (sender, receiver) = client.connect().await.unwrap().split();
    let tasks = (0..10).map(|i| {
        let sender = sender.clone();
        async move { sender.send(i.to_string()).await.unwrap() }
    });
    futures_util::future::join_all(tasks).await;
    let received = receiver.take(10).map(String::from);
    let mut received: Vec<_> = received.collect().await;
    received.sort();
    assert_eq!(received, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
}

#[tokio::test]
async fn a_long_frame_does_not_starve_other_tasks() {
    async fn burst(session: Session) {
        for _ in 0..10_000 {
            session.try_send("").ok();
        }
        session.closed().await;
    }
    let layer = SockJsLayer::new("/burst").on_session(burst);
    let app = Router::new().layer(layer.frame_limit(1_000_000));
    let client = Client::over(app, "/burst").transport(Transport::Xhr);
    let mut client = client.connect().await.unwrap();
    client.recv().await.unwrap();
    let receiving = tokio::spawn(async move {
        for _ in 1..10_000 {
            client.recv().await.unwrap();
        }
    });
    // Both tasks share a thread.
    let mut turns = 0;
    while !receiving.is_finished() {
        turns += 1;
        tokio::task::yield_now().await;
    }
    receiving.await.unwrap();
    assert!(turns > 20, "{turns}");
}
