//! The chat as its clients see it, without sockets: the clock stands still while anything is left
//! to do, and then jumps to the next timer.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use axum::routing::post;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sockjs_axum::{Cause, Session, SockJsHandle, SockJsLayer, TrySendError};
use sockjs_client::Client;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::name::Name;
use crate::{Chat, login, sockjs};

struct Server {
    app: Router,
    handle: SockJsHandle,
}

impl Server {
    fn start() -> Self {
        let chat = Chat::default();
        let sockjs = sockjs(chat.clone());
        let handle = sockjs.handle();
        let app = Router::new()
            .route("/login", post(login::log_in))
            .with_state(chat)
            .layer(sockjs);
        Self { app, handle }
    }

    async fn post(&self, path: &str, body: String) -> String {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .expect("a valid request");
        let Ok(response) = self.app.clone().oneshot(request).await;
        let body = response.into_body().collect().await;
        let body = body.expect("the body is whole").to_bytes();
        String::from_utf8(body.to_vec()).expect("the body is text")
    }

    async fn log_in(&self, nickname: &str) -> String {
        let body = json!({ "nickname": nickname }).to_string();
        let answer: Value =
            serde_json::from_str(&self.post("/login", body).await).expect("a token");
        answer["token"].as_str().expect("a token").to_owned()
    }

    async fn open(&self) -> Member {
        let client = Client::over(self.app.clone(), "/chat").connect().await;
        Member(client.expect("the session opens"))
    }

    async fn join(&self, nickname: &str, room: &str) -> Member {
        let token = self.log_in(nickname).await;
        let member = self.open().await;
        member.send(json!({ "token": token, "room": room })).await;
        member
    }
}

/// One session.
struct Member(Client);

impl Member {
    async fn send(&self, message: Value) {
        let sent = self.0.send(message.to_string()).await;
        sent.expect("the session is open");
    }

    async fn say(&self, text: &str) {
        self.send(json!({ "text": text })).await;
    }

    async fn event(&mut self) -> Value {
        let message = self.0.recv().await.expect("the session is open");
        message.json().expect("an event")
    }

    async fn closed(&self) -> (u16, String) {
        let reason = self.0.closed().await;
        (reason.code(), reason.reason().to_owned())
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_hears_what_is_said_in_it() {
    let server = Server::start();
    let mut ann = server.join("Ann", "tea").await;
    let joined = json!({ "type": "joined", "room": "tea", "members": ["Ann"], "history": 0 });
    assert_eq!(ann.event().await, joined);

    let mut bob = server.join("Bob", "tea").await;
    assert_eq!(bob.event().await["members"], json!(["Ann", "Bob"]));
    assert_eq!(
        ann.event().await,
        json!({ "type": "came", "nickname": "Bob" })
    );
    let mut eve = server.join("Eve", "coffee").await;
    assert_eq!(eve.event().await["members"], json!(["Eve"]));

    bob.say("<b>milk</b>?").await;
    for member in [&mut ann, &mut bob] {
        let said = member.event().await;
        assert_eq!(said["type"], "said");
        assert_eq!(said["nickname"], "Bob");
        assert_eq!(said["text"], "<b>milk</b>?");
    }
    eve.say("sugar?").await;
    assert_eq!(eve.event().await["text"], "sugar?");
}

#[tokio::test(start_paused = true)]
async fn who_goes_has_left() {
    let server = Server::start();
    let mut ann = server.join("Ann", "tea").await;
    ann.event().await;
    let bob = server.join("Bob", "tea").await;
    assert_eq!(ann.event().await["type"], "came");

    drop(bob);
    assert_eq!(
        ann.event().await,
        json!({ "type": "left", "nickname": "Bob" })
    );
}

#[tokio::test(start_paused = true)]
async fn a_session_without_a_token_is_closed() {
    let server = Server::start();
    let refused = (4401, "Log in first".to_owned());
    for first in [
        json!({ "token": "x", "room": "tea" }),
        json!({ "room": "tea" }),
        json!({ "text": "let me in" }),
    ] {
        let member = server.open().await;
        member.send(first.clone()).await;
        assert_eq!(member.closed().await, refused, "{first}");
    }

    let start = Instant::now();
    let silent = server.open().await;
    assert_eq!(silent.closed().await, refused);
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_message_of_the_chat_ends_the_session() {
    let server = Server::start();
    let not_understood = (4400, "Not understood".to_owned());
    let nowhere = server.join("Ann", " ").await;
    assert_eq!(nowhere.closed().await, not_understood);

    let mut bob = server.join("Bob", "tea").await;
    bob.event().await;
    bob.send(json!({ "shout": "hello" })).await;
    assert_eq!(bob.closed().await, not_understood);
}

#[tokio::test(start_paused = true)]
async fn long_messages_are_not_passed_on() {
    let server = Server::start();
    let mut ann = server.join("Ann", "tea").await;
    ann.event().await;
    ann.say(&"ä".repeat(1001)).await;
    assert_eq!(ann.event().await["type"], "refused");
    ann.say(&"ä".repeat(1000)).await;
    assert_eq!(ann.event().await["type"], "said");
}

#[tokio::test(start_paused = true)]
async fn who_comes_late_is_told_the_last_messages() {
    let server = Server::start();
    let mut ann = server.join("Ann", "tea").await;
    ann.event().await;
    for n in 0..60 {
        ann.say(&n.to_string()).await;
        assert_eq!(ann.event().await["text"], n.to_string());
    }

    let mut bob = server.join("Bob", "tea").await;
    assert_eq!(bob.event().await["history"], 50);
    for n in 10..60 {
        assert_eq!(bob.event().await["text"], n.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_takes_nothing_holds_nobody_up() {
    let (sessions, mut opened) = mpsc::unbounded_channel();
    let layer = SockJsLayer::new("/").on_session(move |session: Session| {
        let _ = sessions.send(session);
        std::future::ready(())
    });
    // The fast one reads one response that does not end.
    let layer = layer.response_limit(usize::MAX);
    let app: Router = Router::new().fallback_service(layer.into_service());
    let name = |text: &str| Name::try_from(text.to_owned()).expect("a good name");
    let room = Chat::default().rooms.find(name("tea"));
    let room = room.expect("it is the first");
    let mut members = Vec::new();
    for nickname in ["Fast", "Slow"] {
        let path = format!("/000/{nickname}/xhr_streaming");
        let request = Request::post(path).body(Body::empty()).expect("a request");
        let Ok(response) = app.clone().oneshot(request).await;
        let session = opened.recv().await.expect("a session");
        room.enter(&name(nickname), session.session_ref()).await;
        members.push((response.into_body(), session));
    }
    let [(fast_body, fast), (_slow_body, slow)] = &mut members[..] else {
        panic!("two members");
    };
    let say = async |text: &str| room.say(&name("Fast"), text, fast.session_ref()).await;

    let text = "x".repeat(1000);
    let mut said = 0;
    while !matches!(slow.try_send(""), Err(TrySendError::Closed(_))) {
        say(&text).await;
        said += 1;
        let frame = fast_body.frame().await;
        assert!(frame.is_some_and(|frame| frame.is_ok()));
        assert!(said < 2000, "the slow one is still there");
    }
    assert_eq!(slow.closed().await.cause(), Cause::SlowClient);
    say("Where are you?").await;
    assert!(fast_body.frame().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn shutdown_says_goodbye() {
    let server = Server::start();
    let mut ann = server.join("Ann", "tea").await;
    ann.event().await;
    let (goodbye, shutdown) = tokio::join!(
        ann.closed(),
        server.handle.shutdown(Duration::from_secs(60))
    );
    assert_eq!(goodbye, (1001, "Going away".to_owned()));
    assert_eq!((shutdown.sessions, shutdown.cut), (1, 0));
}
