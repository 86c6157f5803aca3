use std::future::{Future, ready};

use sockjs_axum::SessionRef;

use crate::content::Content;
use crate::header::Headers;
use crate::version::Version;

/// What the broker asks the application: who a client is, and what it may do.
///
/// Each hook runs in the task of the session. Until it returns, no other frame of this client is handled, and
/// no heart-beat is sent to it. A refusal is told to the client as an ERROR frame, which ends the session,
/// because STOMP has no other.
pub trait Application: Send + Sync + 'static {
    /// What the application knows of a client.
    type User: Send + Sync + 'static;

    /// Says who a client is, by its CONNECT frame, or refuses it.
    fn connect(
        &self,
        connect: &Connect<'_>,
    ) -> impl Future<Output = Result<Self::User, Refusal>> + Send;

    /// Says whether a client may subscribe to a destination, and whose messages it hears there.
    ///
    /// By default everybody may subscribe to everything, except to what is under `/app` and `/user`.
    fn subscribe(
        &self,
        client: &Client<Self::User>,
        destination: &str,
    ) -> impl Future<Output = Result<Audience, Refusal>> + Send {
        let _ = client;
        ready(if is_special(destination) {
            Err(Refusal::new("nothing to subscribe to here"))
        } else {
            Ok(Audience::Everybody)
        })
    }

    /// Says what becomes of a message that a client sent. For the messages of a transaction it is called at
    /// COMMIT, and none of them is published before all were allowed.
    ///
    /// By default every message is published, except to destinations under `/app` and `/user`, which are
    /// refused.
    fn send(
        &self,
        client: &Client<Self::User>,
        destination: &str,
        content: &Content,
    ) -> impl Future<Output = Result<Delivery, Refusal>> + Send {
        let _ = (client, content);
        ready(if is_special(destination) {
            Err(Refusal::new("nobody handles this destination"))
        } else {
            Ok(Delivery::Publish)
        })
    }
}

/// Returns whether the destination is the application's by convention.
fn is_special(destination: &str) -> bool {
    let rest = ["/app", "/user"]
        .iter()
        .find_map(|prefix| destination.strip_prefix(prefix));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A CONNECT frame, and the session that it came from.
#[derive(Clone, Copy, Debug)]
pub struct Connect<'a> {
    pub(crate) headers: &'a Headers,
    pub(crate) session: &'a SessionRef,
    pub(crate) version: Version,
}

impl<'a> Connect<'a> {
    /// Returns the header `login`.
    pub fn login(&self) -> Option<&'a str> {
        self.headers.get("login")
    }

    /// Returns the header `passcode`.
    pub fn passcode(&self) -> Option<&'a str> {
        self.headers.get("passcode")
    }

    /// Returns all headers, for tokens and the like.
    pub fn headers(&self) -> &'a Headers {
        self.headers
    }

    /// Returns the session, which knows the headers of its opening request.
    pub fn session(&self) -> &'a SessionRef {
        self.session
    }

    /// Returns the version that was agreed on.
    pub fn version(&self) -> Version {
        self.version
    }
}

/// A client that is connected.
#[derive(Debug)]
pub struct Client<U> {
    pub(crate) user: U,
    pub(crate) session: SessionRef,
    pub(crate) version: Version,
}

impl<U> Client<U> {
    /// Returns what [`Application::connect`] returned.
    pub fn user(&self) -> &U {
        &self.user
    }

    /// Returns the session of the client. Messages that are sent through it are no STOMP frames.
    pub fn session(&self) -> &SessionRef {
        &self.session
    }

    /// Returns the version that was agreed on.
    pub fn version(&self) -> Version {
        self.version
    }
}

/// Whose messages a subscription hears.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Audience {
    /// The subscription hears the messages that [`Delivery::Publish`] and
    /// [`Broker::publish`](crate::Broker::publish) send to the destination.
    Everybody,
    /// The subscription hears the messages that [`Broker::publish_to`](crate::Broker::publish_to) sends to
    /// the destination and to this name.
    /// The name is the application's: of a user, whose every session hears it, or of one session.
    Only(String),
}

/// What becomes of a message that a client sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Delivery {
    /// It is sent to all who subscribed to its destination.
    Publish,
    /// The application has taken it.
    Handled,
}

/// Why a client may not do something. The text is sent to the client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    pub(crate) message: String,
    /// More headers of the ERROR frame.
    pub(crate) headers: Headers,
}

impl Refusal {
    /// Makes one with the text of the `message` header of an ERROR frame.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            headers: Headers::default(),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push(name, value);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_of_the_application_are_known_by_whole_segments() {
        for (destination, special) in [
            ("/app", true),
            ("/app/hello", true),
            ("/user/queue/errors", true),
            ("/apple", false),
            ("/users/1", false),
            ("/topic/app", false),
            ("app/hello", false),
        ] {
            assert_eq!(is_special(destination), special, "{destination}");
        }
    }
}
