//! What this application does beside passing messages on.

use sockjs_axum::SessionRef;
use stomp::{Application, Audience, Broker, Client, Connect, Content, Delivery, Refusal};

/// Greets, and carries messages from one user to another.
#[derive(Debug)]
pub(crate) struct Desk {
    broker: Broker,
}

impl Desk {
    pub(crate) fn new(broker: Broker) -> Self {
        Self { broker }
    }

    /// Carries a message to the sessions of a user. If there is none, the sender is told.
    fn deliver(&self, from: &str, to: &str, queue: &str, content: &Content) -> Result<(), Refusal> {
        // The sender does not choose this header.
        let signed = Content::new(content.body()).header("from", from);
        let headers = content.headers().iter().filter(|(name, _)| *name != "from");
        let content = headers.fold(signed, |content, (name, value)| content.header(name, value));
        if self
            .broker
            .publish_to(to, &format!("/user/{queue}"), content)
            > 0
        {
            return Ok(());
        }
        let notice = format!("{to} does not listen.");
        match self.broker.publish_to(from, "/user/queue/errors", notice) {
            0 => Err(Refusal::new("the user does not listen")),
            _ => Ok(()),
        }
    }
}

impl Application for Desk {
    /// The login, or a name that nobody else has.
    type User = String;

    async fn connect(&self, connect: &Connect<'_>) -> Result<String, Refusal> {
        if connect.passcode().is_some_and(|it| it != "secret") {
            return Err(Refusal::new("wrong login or passcode"));
        }
        match connect.login() {
            Some(login) if login.is_empty() || login.len() > 32 || login.contains('/') => {
                Err(Refusal::new("a login has 1 to 32 bytes and no slash"))
            }
            Some(login) => Ok(login.to_owned()),
            None => Ok(guest(connect.session())),
        }
    }

    async fn subscribe(
        &self,
        client: &Client<String>,
        destination: &str,
    ) -> Result<Audience, Refusal> {
        if destination.starts_with("/user/queue/") {
            return Ok(Audience::Only(client.user().clone()));
        }
        if ["/app/", "/user/"]
            .iter()
            .any(|it| destination.starts_with(it))
        {
            return Err(Refusal::new("there is no such destination"));
        }
        Ok(Audience::Everybody)
    }

    async fn send(
        &self,
        client: &Client<String>,
        destination: &str,
        content: &Content,
    ) -> Result<Delivery, Refusal> {
        if destination == "/app/hello" {
            let greeting = format!("Hello, {}!", content.body());
            self.broker.publish("/topic/greetings", greeting);
            return Ok(Delivery::Handled);
        }
        if let Some(rest) = destination.strip_prefix("/user/") {
            let (to, queue) = rest
                .split_once('/')
                .ok_or_else(|| Refusal::new("there is no such destination"))?;
            self.deliver(client.user(), to, queue, content)?;
            return Ok(Delivery::Handled);
        }
        if destination.starts_with("/app/") {
            return Err(Refusal::new("nobody handles this destination"));
        }
        Ok(Delivery::Publish)
    }
}

fn guest(session: &SessionRef) -> String {
    format!("guest-{}", session.id())
}
