//! One client: what its frames do, and what they are answered with.

use std::sync::Arc;

use sockjs_axum::{JoinError, Session};
use tokio::time::timeout;

use crate::application::{Application, Audience, Client, Connect, Delivery, Refusal};
use crate::content::Content;
use crate::frame::{Command, Frame};
use crate::heartbeat::{HeartBeat, Wish};
use crate::stomp::Stomp;
use crate::subscriptions::{Key, Need, Subscriptions};
use crate::topics;
use crate::transactions::Transactions;
use crate::version::{SUPPORTED, Version};
use crate::wire::{End, Wire};

/// Serves a session until either side ends it.
pub(crate) async fn serve<A: Application>(stomp: Stomp<A>, session: Session) {
    let mut wire = Wire::new(session, stomp.limits);
    let end = match connect(&stomp, &mut wire).await {
        Ok(client) => Connection::new(stomp, client).run(&mut wire).await,
        Err(end) => end,
    };
    wire.close(end).await;
}

/// Waits for CONNECT, and answers it.
async fn connect<A: Application>(
    stomp: &Stomp<A>,
    wire: &mut Wire,
) -> Result<Client<A::User>, End> {
    let Ok(frame) = timeout(stomp.limits.connect_timeout, wire.next_frame()).await else {
        return Err(Refusal::new("CONNECT did not come in time").into());
    };
    let frame = frame?;
    if frame.command != Command::Connect {
        return Err(Refusal::new("CONNECT is expected first").into());
    }
    let version = Version::choose(frame.headers.get("accept-version"))
        .ok_or_else(|| Refusal::new("no common version").with("version", SUPPORTED))?;
    wire.speak(version);
    let wish = match frame.headers.get("heart-beat") {
        Some(header) if version > Version::V1_0 => {
            Wish::parse(header).ok_or_else(|| Refusal::new("malformed heart-beat"))?
        }
        _ => Wish::default(),
    };

    let session = wire.session();
    let connect = Connect {
        headers: &frame.headers,
        session: &session,
        version,
    };
    let user = stomp.application.connect(&connect).await?;

    let mut connected = Frame::new(Command::Connected)
        .header("version", version.as_str())
        .header(
            "server",
            concat!("sockjs-stomp/", env!("CARGO_PKG_VERSION")),
        )
        .header("session", session.id().to_string());
    if version > Version::V1_0 {
        let period = stomp.heart_beat.as_millis();
        connected = connected.header("heart-beat", format!("{period},{period}"));
    }
    wire.send(&connected).await?;
    wire.beat(HeartBeat::new(wish, stomp.heart_beat));
    Ok(Client {
        user,
        session,
        version,
    })
}

/// A client that is connected.
struct Connection<A: Application> {
    stomp: Stomp<A>,
    client: Client<A::User>,
    subscriptions: Arc<Subscriptions>,
    transactions: Transactions,
}

/// Whether the client has more to say.
enum Next {
    Frame,
    End,
}

impl<A: Application> Connection<A> {
    fn new(stomp: Stomp<A>, client: Client<A::User>) -> Self {
        let subscriptions = Arc::new(Subscriptions::new(client.version));
        // The broker finds them there.
        client.session.insert(subscriptions.clone());
        Self {
            subscriptions,
            transactions: Transactions::new(stomp.limits),
            stomp,
            client,
        }
    }

    async fn run(mut self, wire: &mut Wire) -> End {
        loop {
            let frame = match wire.next_frame().await {
                Ok(frame) => frame,
                Err(end) => return end,
            };
            let receipt = frame.headers.get("receipt").map(str::to_owned);
            let next = match self.handle(frame).await {
                Ok(next) => next,
                Err(refusal) => return End::Refused { refusal, receipt },
            };
            if let Some(receipt) = receipt {
                let frame = Frame::new(Command::Receipt).header("receipt-id", receipt);
                if let Err(end) = wire.send(&frame).await {
                    return end;
                }
            }
            if let Next::End = next {
                return End::Disconnected;
            }
        }
    }

    async fn handle(&mut self, frame: Frame) -> Result<Next, Refusal> {
        match frame.command {
            Command::Send => self.send(frame).await?,
            Command::Subscribe => self.subscribe(&frame).await?,
            Command::Unsubscribe => self.unsubscribe(&frame)?,
            Command::Begin => self.transactions.begin(required(&frame, "transaction")?)?,
            Command::Commit => self.commit(&frame).await?,
            Command::Abort => {
                self.transactions.end(required(&frame, "transaction")?)?;
            }
            Command::Disconnect => return Ok(Next::End),
            Command::Ack | Command::Nack => {
                return Err(Refusal::new("acknowledgements are not supported"));
            }
            Command::Connect => return Err(Refusal::new("connected already")),
            Command::Connected | Command::Message | Command::Receipt | Command::Error => {
                return Err(Refusal::new("only a server may send that"));
            }
        }
        Ok(Next::Frame)
    }

    async fn send(&mut self, frame: Frame) -> Result<(), Refusal> {
        let destination = required(&frame, "destination")?.to_owned();
        let transaction = frame.headers.get("transaction").map(str::to_owned);
        let content = Content::of(frame);
        match transaction {
            Some(name) => self.transactions.push(&name, destination, content),
            None => self.pass(&[(destination, content)]).await,
        }
    }

    async fn commit(&mut self, frame: &Frame) -> Result<(), Refusal> {
        let messages = self.transactions.end(required(frame, "transaction")?)?;
        self.pass(&messages).await
    }

    /// Passes messages on if the application allows all of them.
    async fn pass(&self, messages: &[(String, Content)]) -> Result<(), Refusal> {
        let Stomp {
            application,
            broker,
            ..
        } = &self.stomp;
        let mut allowed = Vec::new();
        for (destination, content) in messages {
            match application.send(&self.client, destination, content).await? {
                Delivery::Publish => allowed.push((destination, content)),
                Delivery::Handled => {}
            }
        }
        for (destination, content) in allowed {
            broker.pass(&Audience::Everybody, destination, content);
        }
        Ok(())
    }

    async fn subscribe(&self, frame: &Frame) -> Result<(), Refusal> {
        let destination = required(frame, "destination")?;
        let key = self.key(frame)?;
        if frame.headers.get("ack").is_some_and(|ack| ack != "auto") {
            return Err(Refusal::new("only ack:auto is supported"));
        }
        if self.subscriptions.len() == self.stomp.limits.subscriptions {
            return Err(Refusal::new("too many subscriptions"));
        }
        let application = &self.stomp.application;
        let audience = application.subscribe(&self.client, destination).await?;
        let topic = topics::name(&audience, destination);
        self.subscriptions
            .insert(key, topic.clone())
            .map_err(|_| Refusal::new("subscription id is in use"))?;
        let joined = self.client.session.join(&topic);
        joined.map_err(|error| match error {
            JoinError::NameTooLong => Refusal::new("destination is too long"),
            error => Refusal::new(error.to_string()),
        })
    }

    fn unsubscribe(&self, frame: &Frame) -> Result<(), Refusal> {
        let removed = self.subscriptions.remove(&self.key(frame)?);
        let (topic, need) = removed.ok_or_else(|| Refusal::new("no such subscription"))?;
        if need == Need::Last {
            self.client.session.leave(&topic);
        }
        Ok(())
    }

    /// Returns what a client calls a subscription. The id is optional in version 1.0.
    fn key(&self, frame: &Frame) -> Result<Key, Refusal> {
        let id = required(frame, "id");
        if id.is_err() && self.client.version == Version::V1_0 {
            let destination = required(frame, "destination")?;
            return Ok(Key::Destination(destination.to_owned()));
        }
        id.map(|id| Key::Id(id.into()))
    }
}

fn required<'a>(frame: &'a Frame, name: &str) -> Result<&'a str, Refusal> {
    let missing = || Refusal::new(format!("header {name} is missing"));
    frame.headers.get(name).ok_or_else(missing)
}
