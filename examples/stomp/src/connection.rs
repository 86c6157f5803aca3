//! One client: what its frames do, and what they are answered with.

use std::collections::HashMap;

use axum::extract::State;
use sockjs_axum::{SendError, Sender, Session};

use crate::broker::Broker;
use crate::decoder::Decoder;
use crate::frame::{Command, Frame};
use crate::heartbeat::{Beat, HeartBeat, PERIOD, Wish};

/// Serves a session until either side ends it.
pub(crate) async fn serve(State(broker): State<Broker>, session: Session) {
    let (sender, mut receiver) = session.split();
    let mut connection = Connection {
        broker,
        sender,
        phase: Phase::Connecting,
        subscriptions: HashMap::new(),
        heart_beat: HeartBeat::none(),
    };
    let mut decoder = Decoder::default();
    loop {
        // What has arrived comes first: a client is not late if its message only waits here.
        let result = tokio::select! {
            biased;
            message = receiver.recv() => {
                let Some(message) = message else { return };
                connection.heart_beat.heard();
                decoder.push(&message);
                connection.handle_all(&mut decoder).await
            }
            beat = connection.heart_beat.next() => connection.beat(beat).await,
        };
        match result {
            Ok(()) => {}
            Err(End::Gone) => return,
            Err(End::Disconnected) => return connection.sender.close(1000, "Disconnected"),
            Err(End::Refused(refusal)) => return connection.refuse(refusal).await,
        }
    }
}

struct Connection {
    broker: Broker,
    sender: Sender,
    phase: Phase,
    /// Destinations by the client's names for its subscriptions.
    subscriptions: HashMap<String, String>,
    heart_beat: HeartBeat,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// CONNECT is yet to come.
    Connecting,
    Connected,
}

/// Why a connection is over.
enum End {
    /// The session is closed.
    Gone,
    /// The client said good-bye.
    Disconnected,
    /// The client did what it may not.
    Refused(Refusal),
}

/// What an ERROR frame says.
struct Refusal {
    message: String,
    receipt: Option<String>,
}

impl Connection {
    async fn handle_all(&mut self, decoder: &mut Decoder) -> Result<(), End> {
        while let Some(frame) = decoder.next_frame().map_err(refuse)? {
            self.handle(&frame).await.map_err(|end| match end {
                End::Refused(refusal) => End::Refused(Refusal {
                    receipt: frame.headers.get("receipt").map(str::to_owned),
                    ..refusal
                }),
                other => other,
            })?;
        }
        Ok(())
    }

    async fn handle(&mut self, frame: &Frame) -> Result<(), End> {
        match (self.phase, frame.command) {
            (Phase::Connecting, Command::Connect) => return self.connect(frame).await,
            (Phase::Connecting, _) => return Err(refuse("CONNECT is expected first")),
            (Phase::Connected, Command::Connect) => return Err(refuse("connected already")),
            (Phase::Connected, Command::Send) => {
                self.broker.publish(required(frame, "destination")?, frame);
            }
            (Phase::Connected, Command::Subscribe) => self.subscribe(frame)?,
            (Phase::Connected, Command::Unsubscribe) => self.unsubscribe(frame)?,
            (Phase::Connected, Command::Disconnect) => {}
            (
                Phase::Connected,
                Command::Ack | Command::Nack | Command::Begin | Command::Commit | Command::Abort,
            ) => return Err(refuse("not supported here")),
            (
                Phase::Connected,
                Command::Connected | Command::Message | Command::Receipt | Command::Error,
            ) => return Err(refuse("only a server may send that")),
        }
        if let Some(receipt) = frame.headers.get("receipt") {
            let frame = Frame::new(Command::Receipt).header("receipt-id", receipt);
            self.send(&frame).await?;
        }
        if frame.command == Command::Disconnect {
            return Err(End::Disconnected);
        }
        Ok(())
    }

    async fn connect(&mut self, frame: &Frame) -> Result<(), End> {
        // Clients that do not say speak version 1.0.
        let versions = frame.headers.get("accept-version").unwrap_or("1.0");
        if !versions.split(',').any(|version| version.trim() == VERSION) {
            return Err(refuse("only version 1.2 is supported"));
        }
        let wish = match frame.headers.get("heart-beat") {
            None => Wish::default(),
            Some(header) => Wish::parse(header).ok_or_else(|| refuse("malformed heart-beat"))?,
        };
        let period = PERIOD.as_millis();
        let connected = Frame::new(Command::Connected)
            .header("version", VERSION)
            .header(
                "server",
                concat!("sockjs-stomp/", env!("CARGO_PKG_VERSION")),
            )
            .header("session", self.sender.id().to_string())
            .header("heart-beat", format!("{period},{period}"));
        self.send(&connected).await?;
        self.phase = Phase::Connected;
        self.heart_beat = HeartBeat::new(wish);
        Ok(())
    }

    fn subscribe(&mut self, frame: &Frame) -> Result<(), End> {
        let destination = required(frame, "destination")?;
        let id = required(frame, "id")?;
        if frame.headers.get("ack").is_some_and(|ack| ack != "auto") {
            return Err(refuse("only ack:auto is supported"));
        }
        if self.subscriptions.contains_key(id) {
            return Err(refuse("subscription id is in use"));
        }
        if self.subscriptions.len() == MAX_SUBSCRIPTIONS {
            return Err(refuse("too many subscriptions"));
        }
        self.subscriptions
            .insert(id.to_owned(), destination.to_owned());
        self.broker.subscribe(destination, id, self.sender.clone());
        Ok(())
    }

    fn unsubscribe(&mut self, frame: &Frame) -> Result<(), End> {
        let id = required(frame, "id")?;
        let destination = self
            .subscriptions
            .remove(id)
            .ok_or_else(|| refuse("no such subscription"))?;
        self.broker.unsubscribe(&destination, id, self.sender.id());
        Ok(())
    }

    async fn beat(&mut self, beat: Beat) -> Result<(), End> {
        match beat {
            Beat::Due => self
                .sender
                .send("\n")
                .await
                .map_err(|_: SendError| End::Gone),
            Beat::Missed => Err(refuse("no heart-beat from you")),
        }
    }

    async fn refuse(&self, refusal: Refusal) {
        let mut frame = Frame::new(Command::Error).header("message", refusal.message);
        if let Some(receipt) = refusal.receipt {
            frame = frame.header("receipt-id", receipt);
        }
        // A session that is closed meanwhile needs no good-bye.
        let _ = self.send(&frame).await;
        self.sender.close(4000, "Refused");
    }

    async fn send(&self, frame: &Frame) -> Result<(), End> {
        let sent = self.sender.send(frame.encode()).await;
        sent.map_err(|_: SendError| End::Gone)
    }
}

/// Takes the client's place with everyone it subscribed to, however its connection ended. The
/// broker's senders would keep its session open.
impl Drop for Connection {
    fn drop(&mut self) {
        for (id, destination) in &self.subscriptions {
            self.broker.unsubscribe(destination, id, self.sender.id());
        }
    }
}

fn required<'a>(frame: &'a Frame, name: &str) -> Result<&'a str, End> {
    let missing = || refuse(format!("header {name} is missing"));
    frame.headers.get(name).ok_or_else(missing)
}

fn refuse(message: impl ToString) -> End {
    End::Refused(Refusal {
        message: message.to_string(),
        receipt: None,
    })
}

const VERSION: &str = "1.2";
const MAX_SUBSCRIPTIONS: usize = 100;
