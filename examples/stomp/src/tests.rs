//! The broker as its clients see it, without sockets: the clock stands still while anything is left to do, and
//! then jumps to the next timer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sockjs_axum::{NotFound, Session, SockJs, SockJsHandle, SockJsLayer};
use tokio::time::{Instant, sleep};

use crate::{
    Application, Audience, Broker, Client, Connect, Content, Delivery, Limits, Refusal, Stomp,
};

/// An application that refuses everything with `bad` in it, and logs what it takes.
#[derive(Clone, Default)]
struct App {
    taken: Arc<Mutex<Vec<String>>>,
}

impl Application for App {
    type User = String;

    async fn connect(&self, connect: &Connect<'_>) -> Result<String, Refusal> {
        let login = connect.login().unwrap_or("nobody");
        allowed(login)?;
        Ok(login.to_owned())
    }

    async fn subscribe(
        &self,
        client: &Client<String>,
        destination: &str,
    ) -> Result<Audience, Refusal> {
        allowed(destination)?;
        if destination.starts_with("/user/") {
            return Ok(Audience::Only(client.user().clone()));
        }
        Ok(Audience::Everybody)
    }

    async fn send(
        &self,
        client: &Client<String>,
        destination: &str,
        content: &Content,
    ) -> Result<Delivery, Refusal> {
        allowed(destination)?;
        if !destination.starts_with("/app/") {
            return Ok(Delivery::Publish);
        }
        if destination == "/app/slow" {
            sleep(Duration::from_secs(1)).await;
        }
        let line = format!("{} {destination} {}", client.user(), content.body());
        self.taken.lock().expect("no test panicked").push(line);
        Ok(Delivery::Handled)
    }
}

fn allowed(text: &str) -> Result<(), Refusal> {
    match text.contains("bad") {
        true => Err(Refusal::new(format!("not {text}"))),
        false => Ok(()),
    }
}

/// An application that leaves everything to the defaults.
struct Defaults;

impl Application for Defaults {
    type User = ();

    async fn connect(&self, _: &Connect<'_>) -> Result<(), Refusal> {
        Ok(())
    }
}

struct Server {
    service: SockJs<NotFound>,
    broker: Broker,
    handle: SockJsHandle,
}

impl Server {
    fn start<A: Application>(application: A, limits: Limits) -> Self {
        let layer = SockJsLayer::new("/");
        let handle = layer.handle();
        let broker = Broker::new(handle.clone());
        let stomp = Stomp::new(application, broker.clone()).limits(limits);
        let layer = layer.on_session(move |session: Session| stomp.clone().serve(session));
        Self {
            service: layer.into_service(),
            broker,
            handle,
        }
    }

    async fn open(&self) -> Peer {
        let client = sockjs_client::Client::over(self.service.clone(), "/");
        Peer(client.connect().await.expect("the session opens"))
    }

    /// Opens a session, and connects as `login`.
    async fn connect(&self, version: &str, login: &str) -> Peer {
        let mut peer = self.open().await;
        peer.send(&format!(
            "CONNECT\naccept-version:{version}\nlogin:{login}\n\n\0"
        ))
        .await;
        let connected = peer.next().await;
        assert!(
            connected.starts_with(&format!("CONNECTED\nversion:{version}\n")),
            "{connected}"
        );
        peer
    }
}

fn server() -> Server {
    Server::start(App::default(), Limits::default())
}

/// One session.
struct Peer(sockjs_client::Client);

impl Peer {
    async fn send(&self, text: &str) {
        let sent = self.0.send(text).await;
        sent.expect("the session is open");
    }

    /// Returns the next STOMP frame, or the code and reason of the end.
    async fn next(&mut self) -> String {
        if let Some(message) = self.0.recv().await {
            return message.into_string();
        }
        let reason = self.0.closed().await;
        format!("{} {}", reason.code(), reason.reason())
    }

    /// Sends a frame, and waits until the server has handled it. Returns what came before the receipt.
    async fn sync(&mut self, frame: &str) -> Vec<String> {
        self.send(&frame.replacen("\n\n", "\nreceipt:r\n\n", 1))
            .await;
        let mut before = Vec::new();
        loop {
            let next = self.next().await;
            if next == "RECEIPT\nreceipt-id:r\n\n\0" {
                return before;
            }
            assert!(next.starts_with("MESSAGE\n"), "{next}");
            before.push(next);
        }
    }

    /// Expects an ERROR frame, and the end of the session.
    async fn refused(&mut self, message: &str) {
        let error = self.next().await;
        let expected = format!("ERROR\nmessage:{message}\n");
        assert!(error.starts_with(&expected), "{error} is not {message}");
        assert_eq!(self.next().await, "4000 Refused");
    }
}

#[tokio::test(start_paused = true)]
async fn each_version_is_spoken() {
    let server = server();
    for (accept, version) in [
        // Version 1.0 has no heart-beats, so the header may say anything.
        ("heart-beat:x\n", "1.0"),
        ("accept-version:1.0\n", "1.0"),
        ("accept-version:1.1,1.0\n", "1.1"),
        ("accept-version:1.0,1.1,1.2\n", "1.2"),
    ] {
        let mut peer = server.open().await;
        peer.send(&format!("CONNECT\n{accept}heart-beat:0,0\n\n\0"))
            .await;
        let connected = peer.next().await;
        assert!(
            connected.starts_with(&format!("CONNECTED\nversion:{version}\nserver:")),
            "{connected}"
        );
        let beats = connected.contains("\nheart-beat:1000,1000\n");
        assert_eq!(beats, version != "1.0", "{connected}");
    }
    let mut peer = server.open().await;
    peer.send("CONNECT\naccept-version:2.0\n\n\0").await;
    let error = peer.next().await;
    assert_eq!(
        error,
        "ERROR\nmessage:no common version\nversion:1.0,1.1,1.2\n\n\0"
    );
}

#[tokio::test(start_paused = true)]
async fn versions_meet_in_a_destination() {
    let server = server();
    let mut old = server.connect("1.0", "old").await;
    let mut middle = server.connect("1.1", "middle").await;
    let mut new = server.connect("1.2", "new").await;
    // Version 1.0 needs no id. Its values may have colons, and spaces around them.
    old.sync("SUBSCRIBE\ndestination: /a:b\n\n\0").await;
    for peer in [&mut middle, &mut new] {
        peer.sync("SUBSCRIBE\nid:0\ndestination:/a\\cb\n\n\0").await;
    }
    new.send("SEND\ndestination:/a\\cb\nx\\cy:1\nz:a\\r\\nb\\\\\n\nbody\0")
        .await;
    let tail = "content-length:4\n\nbody\0";
    assert_eq!(
        old.next().await,
        format!("MESSAGE\nmessage-id:0\ndestination:/a:b\nz:a\r b\\\n{tail}")
    );
    assert_eq!(
        middle.next().await,
        format!(
            "MESSAGE\nsubscription:0\nmessage-id:0\ndestination:/a\\cb\nx\\cy:1\nz:a\r\\nb\\\\\n{tail}"
        )
    );
    assert_eq!(
        new.next().await,
        format!(
            "MESSAGE\nsubscription:0\nmessage-id:0\ndestination:/a\\cb\nx\\cy:1\nz:a\\r\\nb\\\\\n{tail}"
        )
    );

    let none = old.sync("UNSUBSCRIBE\ndestination:/a:b\n\n\0").await;
    assert_eq!(none, [""; 0]);
    old.send("SEND\ndestination:/a:b\n\nagain\0").await;
    assert!(middle.next().await.ends_with("again\0"));
    assert_eq!(old.sync("SEND\ndestination:/a:b\n\nx\0").await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_application_decides_who_connects() {
    let server = server();
    let mut peer = server.open().await;
    peer.send("CONNECT\naccept-version:1.2\nlogin:bad\n\n\0")
        .await;
    peer.refused("not bad").await;
}

#[tokio::test(start_paused = true)]
async fn the_application_decides_on_destinations() {
    let server = server();
    let mut peer = server.connect("1.2", "ann").await;
    peer.send("SUBSCRIBE\nid:0\ndestination:/bad\nreceipt:r\n\n\0")
        .await;
    assert_eq!(
        peer.next().await,
        "ERROR\nmessage:not /bad\nreceipt-id:r\n\n\0"
    );
    let mut peer = server.connect("1.2", "bob").await;
    peer.send("SEND\ndestination:/bad\n\n\0").await;
    peer.refused("not /bad").await;
}

#[tokio::test(start_paused = true)]
async fn the_application_takes_messages() {
    let app = App::default();
    let server = Server::start(app.clone(), Limits::default());
    let mut peer = server.connect("1.2", "ann").await;
    peer.sync("SUBSCRIBE\nid:0\ndestination:/app/x\n\n\0").await;
    assert_eq!(peer.sync("SEND\ndestination:/app/x\n\nhi\0").await, [""; 0]);
    assert_eq!(*app.taken.lock().expect("no panic"), ["ann /app/x hi"]);
}

#[tokio::test(start_paused = true)]
async fn by_default_the_applications_destinations_are_refused() {
    let server = Server::start(Defaults, Limits::default());
    for (id, destination) in ["/app/x", "/user/queue/x", "/user/ann/queue/x"]
        .iter()
        .enumerate()
    {
        let mut peer = server.connect("1.2", &format!("s{id}")).await;
        peer.send(&format!("SUBSCRIBE\nid:0\ndestination:{destination}\n\n\0"))
            .await;
        peer.refused("nothing to subscribe to here").await;
        let mut peer = server.connect("1.2", &format!("m{id}")).await;
        peer.send(&format!("SEND\ndestination:{destination}\n\n\0"))
            .await;
        peer.refused("nobody handles this destination").await;
    }
    let mut peer = server.connect("1.2", "ann").await;
    peer.sync("SUBSCRIBE\nid:0\ndestination:/apple\n\n\0").await;
    peer.send("SEND\ndestination:/apple\n\nx\0").await;
    assert!(peer.next().await.starts_with("MESSAGE\n"));
}

#[tokio::test(start_paused = true)]
async fn private_messages_reach_one_user_alone() {
    let server = server();
    let mut ann = server.connect("1.2", "ann").await;
    let mut bob = server.connect("1.2", "bob").await;
    for peer in [&mut ann, &mut bob] {
        peer.sync("SUBSCRIBE\nid:0\ndestination:/user/queue/x\n\n\0")
            .await;
    }
    // As a destination, this is another topic, whatever it is called.
    bob.sync("SUBSCRIBE\nid:1\ndestination:only\\c3\\cann\\c/user/queue/x\n\n\0")
        .await;
    let content = Content::new("psst")
        .header("from", "us")
        .header("receipt", "no");
    assert_eq!(server.broker.publish_to("ann", "/user/queue/x", content), 1);
    assert_eq!(server.broker.publish("/user/queue/x", "nobody"), 0);
    assert_eq!(server.broker.publish_to("eve", "/user/queue/x", "x"), 0);
    let message = ann.next().await;
    assert!(
        message.ends_with("destination:/user/queue/x\nfrom:us\ncontent-length:4\n\npsst\0"),
        "{message}"
    );
    assert_eq!(bob.sync("SEND\ndestination:/void\n\n\0").await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn transactions_hold_messages_back() {
    let server = server();
    let mut ann = server.connect("1.1", "ann").await;
    ann.sync("SUBSCRIBE\nid:0\ndestination:/t\n\n\0").await;
    ann.sync("BEGIN\ntransaction:a\n\n\0").await;
    ann.sync("BEGIN\ntransaction:b\n\n\0").await;
    for (transaction, body) in [("a", "1"), ("b", "2"), ("a", "3")] {
        let frame = format!("SEND\ndestination:/t\ntransaction:{transaction}\n\n{body}\0");
        assert_eq!(ann.sync(&frame).await, [""; 0]);
    }
    assert_eq!(ann.sync("ABORT\ntransaction:b\n\n\0").await, [""; 0]);
    let committed = ann.sync("COMMIT\ntransaction:a\n\n\0").await;
    let bodies: Vec<_> = committed.iter().map(|it| &it[it.len() - 2..]).collect();
    assert_eq!(bodies, ["1\0", "3\0"]);
    assert!(!committed[0].contains("transaction"));
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_transaction_is_sent_if_a_part_is_refused() {
    let server = server();
    let mut bob = server.connect("1.2", "bob").await;
    bob.sync("SUBSCRIBE\nid:0\ndestination:/t\n\n\0").await;
    let mut ann = server.connect("1.2", "ann").await;
    ann.send("BEGIN\ntransaction:a\n\n\0SEND\ndestination:/t\ntransaction:a\n\n1\0")
        .await;
    ann.send("SEND\ndestination:/bad\ntransaction:a\n\n2\0COMMIT\ntransaction:a\n\n\0")
        .await;
    ann.refused("not /bad").await;
    assert_eq!(bob.sync("SEND\ndestination:/void\n\n\0").await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_gets_an_error() {
    let server = Server::start(
        App::default(),
        Limits {
            subscriptions: 2,
            transactions: 1,
            ..Limits::default()
        },
    );
    let sub = |id: u32| format!("SUBSCRIBE\nid:{id}\ndestination:/a\n\n\0");
    for (n, (frames, message)) in [
        (
            "ACK\nid:1\n\n\0".to_owned(),
            "acknowledgements are not supported",
        ),
        (
            "NACK\nid:1\n\n\0".to_owned(),
            "acknowledgements are not supported",
        ),
        (
            "SUBSCRIBE\nid:0\ndestination:/a\nack:client-individual\n\n\0".to_owned(),
            "only ack\\cauto is supported",
        ),
        (
            "SUBSCRIBE\ndestination:/a\n\n\0".to_owned(),
            "header id is missing",
        ),
        ("UNSUBSCRIBE\nid:0\n\n\0".to_owned(), "no such subscription"),
        (sub(0) + &sub(0), "subscription id is in use"),
        (sub(0) + &sub(1) + &sub(2), "too many subscriptions"),
        (
            format!("SUBSCRIBE\nid:0\ndestination:/{}\n\n\0", "x".repeat(256)),
            "destination is too long",
        ),
        (
            "BEGIN\ntransaction:a\n\n\0BEGIN\ntransaction:b\n\n\0".to_owned(),
            "too many transactions",
        ),
        (
            "COMMIT\ntransaction:a\n\n\0".to_owned(),
            "no such transaction",
        ),
        (
            "SEND\ndestination:/a\ntransaction:a\n\n\0".to_owned(),
            "no such transaction",
        ),
        ("CONNECT\n\n\0".to_owned(), "connected already"),
        ("MESSAGE\n\n\0".to_owned(), "only a server may send that"),
        ("HELLO\n\n\0".to_owned(), "unknown command"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut peer = server.connect("1.2", &n.to_string()).await;
        peer.send(&frames).await;
        peer.refused(message).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_has_left_its_topics() {
    let server = server();
    let mut ann = server.connect("1.2", "ann").await;
    ann.sync("SUBSCRIBE\nid:0\ndestination:/t\n\n\0").await;
    ann.sync("SUBSCRIBE\nid:1\ndestination:/t\n\n\0").await;
    assert_eq!(server.broker.publish("/t", "x"), 2);
    ann.sync("UNSUBSCRIBE\nid:0\n\n\0").await;
    assert_eq!(server.broker.publish("/t", "x"), 1);
    ann.send("DISCONNECT\nreceipt:bye\n\n\0").await;
    assert!(ann.next().await.starts_with("MESSAGE\n"));
    assert_eq!(ann.next().await, "RECEIPT\nreceipt-id:bye\n\n\0");
    assert_eq!(ann.next().await, "1000 Disconnected");
    assert_eq!(server.broker.publish("/t", "x"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_session_is_in_a_topic_while_it_has_a_subscription() {
    let server = server();
    let topic = server.handle.topic("all:/t");
    let mut ann = server.connect("1.2", "ann").await;
    for (frame, members) in [
        ("SUBSCRIBE\nid:0\ndestination:/t\n\n\0", 1),
        ("SUBSCRIBE\nid:1\ndestination:/t\n\n\0", 1),
        ("UNSUBSCRIBE\nid:0\n\n\0", 1),
        ("UNSUBSCRIBE\nid:1\n\n\0", 0),
    ] {
        ann.sync(frame).await;
        assert_eq!(topic.len(), members, "{frame}");
    }
}

#[tokio::test(start_paused = true)]
async fn connect_has_to_come_in_time() {
    let server = server();
    let start = Instant::now();
    let mut peer = server.open().await;
    peer.send("\n").await;
    peer.refused("CONNECT did not come in time").await;
    assert_eq!(start.elapsed(), Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_promised_heart_beats_has_to_send_them() {
    let server = server();
    let mut peer = server.open().await;
    peer.send("CONNECT\naccept-version:1.1\nheart-beat:2000,3000\n\n\0")
        .await;
    assert!(peer.next().await.starts_with("CONNECTED\n"));
    let start = Instant::now();
    assert_eq!(peer.next().await, "\n");
    assert_eq!(start.elapsed(), Duration::from_secs(3));
    peer.send("\n").await;
    assert_eq!(peer.next().await, "\n");
    assert_eq!(peer.next().await, "\n");
    peer.refused("no heart-beat from you").await;
    assert_eq!(start.elapsed(), Duration::from_secs(9));
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_messages_wait_is_sent_heart_beats() {
    let server = server();
    let mut peer = server.open().await;
    peer.send("CONNECT\naccept-version:1.2\nheart-beat:0,1000\n\n\0")
        .await;
    assert!(peer.next().await.starts_with("CONNECTED\n"));
    // The application takes a second for each.
    for _ in 0..10 {
        peer.send("SEND\ndestination:/app/slow\n\n\0").await;
    }
    peer.send("DISCONNECT\nreceipt:bye\n\n\0").await;
    let mut heard = 0;
    while peer.next().await == "\n" {
        heard += 1;
    }
    assert!(heard >= 9, "{heard} heart-beats");
}

#[tokio::test(start_paused = true)]
async fn a_slow_subscriber_is_closed_and_holds_up_nobody() {
    let server = server();
    let mut slow = server.connect("1.2", "slow").await;
    slow.sync("SUBSCRIBE\nid:0\ndestination:/t\n\n\0").await;
    let body = "x".repeat(100_000);
    let mut sent = 0;
    while server.broker.publish("/t", body.as_str()) > 0 {
        sent += 1;
        assert!(sent < 100, "the slow one is still there");
        tokio::task::yield_now().await;
    }
    let mut last = slow.next().await;
    while last.starts_with("MESSAGE\n") {
        last = slow.next().await;
    }
    assert_eq!(last, "4001 Too slow");
}
