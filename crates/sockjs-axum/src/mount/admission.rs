use std::sync::Arc;

use http::request::Parts;
use sockjs_core::{CloseReason, Transport};

use super::Mount;
use super::registry::{Known, NoPlace, Phase, Place};
use super::task::SessionTask;
use crate::http::reject::{Refusal, Reject};
use crate::meter::Meter;
use crate::session::{
    Accepted, Attachment, Connection, Credentials, Digest, Key, Opening, Prefix, SendQueue,
    Session, conceal_credentials, conceal_id, conceal_id_in_params, head_len, prefix, remote_addr,
};

/// A request that may open a session.
#[derive(Debug)]
pub(crate) struct Opener {
    pub(crate) parts: Box<Parts>,
    /// What the handler's extractors and the handler may see of the request.
    pub(crate) credentials: Credentials,
}

/// What a receive request gets from its session.
#[derive(Debug)]
pub(crate) enum Receiving {
    /// The frames of the session.
    Attached(Attachment),
    /// One close frame with that reason, because the session is over or has another receiver.
    TurnedAway(CloseReason),
}

/// How requests find their sessions.
impl Mount {
    /// Attaches a receive request to the session with that id. Opens the session if there is none.
    pub(crate) async fn attach(
        &self,
        opener: Opener,
        id: &str,
        transport: Transport,
    ) -> Result<Receiving, Refusal> {
        let bound_to = self.bound_to(&opener.parts);
        let key = self.key(&opener.parts, id);
        if let Some(known) = self.registry().find(&key) {
            let connection = connection(&opener.parts, transport);
            return Ok(join(known, bound_to, connection)?);
        }
        let admission = self.admit(opener, transport, Some(key), bound_to).await?;
        // Not kept in the future meanwhile.
        let (connection, bound_to) = (admission.connection, admission.opening.bound_to);
        match admission.open(self) {
            Ok((task, attachment)) => {
                task.spawn();
                Ok(Receiving::Attached(attachment))
            }
            // Another request opened the session while the extractors ran.
            Err(known) => Ok(join(known, bound_to, connection)?),
        }
    }

    /// Finds the session that a send request is for.
    pub(crate) fn find(&self, parts: &Parts, id: &str) -> Option<SendQueue> {
        match self.registry().find(&self.key(parts, id))? {
            Known::Live(shared) if shared.opening().bound_to == self.bound_to(parts) => {
                Some(SendQueue::new(shared))
            }
            Known::Live(_) | Known::Ended(_) => None,
        }
    }

    /// Takes a place for a session, and runs the handler's extractors on the request that is to open
    /// it. `key` and `bound_to` say how the session's later requests find it.
    pub(crate) async fn admit(
        &self,
        opener: Opener,
        transport: Transport,
        key: Option<Key>,
        bound_to: Option<Digest>,
    ) -> Result<Admission, Refusal> {
        let Opener {
            mut parts,
            credentials,
        } = opener;
        if head_len(&parts) > MAX_HEAD {
            return Err(Reject::HeadTooLarge.into());
        }
        let place = self.reserve(&parts, key)?;
        let path = prefix(&parts, self.prefix());
        let prefix = if *path == **self.prefix() {
            Prefix::Mount(self.prefix().clone())
        } else {
            Prefix::Path(path.len())
        };
        if let Credentials::Concealed = credentials {
            conceal_credentials(&mut parts);
        }
        if transport != Transport::RawWebSocket {
            conceal_id_in_params(&mut parts, self.prefix());
            conceal_id(&mut parts);
        }
        let connection = connection(&parts, transport);
        let opening = Opening::new(&parts, prefix, key, bound_to);
        let accepted = match self.handler().accept(*parts).await {
            Ok(accepted) => accepted,
            // Boxed, because otherwise the future of every request would reserve space for it.
            Err(rejection) => return Err(Box::pin(Refusal::by_handler(rejection)).await),
        };
        if self.registry().phase() == Phase::Stopped {
            return Err(Reject::ShuttingDown.into());
        }
        Ok(Admission {
            accepted,
            opening,
            place,
            connection,
        })
    }

    /// Takes a place for the session that a request is about to open.
    fn reserve(&self, parts: &Parts, key: Option<Key>) -> Result<Place, NoPlace> {
        let config = self.config();
        if let Some(key) = key {
            self.registry()
                .check_ended(&key, config.max_ended_sessions)?;
        }
        let client = config.max_per_key.as_ref().map(|limit| {
            let client = limit.key.of(parts, self.registry().digest());
            (client, limit.sessions)
        });
        self.registry().reserve(config.max_sessions, client)
    }

    /// Makes the key of a session.
    ///
    /// A prefix with parameters stands for as many mounts as the parameters have values. The key
    /// then contains the prefix, because a session belongs to one of these mounts.
    fn key(&self, parts: &Parts, id: &str) -> Key {
        let digest = self.registry().digest();
        match prefix(parts, self.prefix()) {
            prefix if *prefix != **self.prefix() => digest.of(&(prefix, id)),
            _ => digest.of(id),
        }
    }

    fn bound_to(&self, parts: &Parts) -> Option<Digest> {
        let binding = self.config().binding.as_ref()?;
        Some(binding.of(parts, self.registry().digest()))
    }
}

/// The right to open a session, and all that the session is made of.
pub(crate) struct Admission {
    accepted: Accepted,
    opening: Opening,
    place: Place,
    connection: Connection,
}

impl Admission {
    /// Sets the subprotocol of the WebSocket.
    pub(crate) fn set_protocol(&mut self, protocol: Option<Arc<str>>) {
        self.opening.protocol = protocol;
    }

    /// Opens the session with its first receiver. Fails if another request has opened it.
    pub(crate) fn open(self, mount: &Mount) -> Result<(SessionTask, Attachment), Known> {
        let transport = self.connection.transport;
        let (shared, attachment) = Attachment::open(
            self.opening,
            self.connection,
            Meter::new(mount.prefix().clone(), transport),
            mount.session_config(transport),
            mount.topics().clone(),
        );
        mount.registry().insert(&shared)?;
        let registration = self.place.register(shared.clone());
        let handler = (self.accepted)(Session::new(shared));
        Ok((SessionTask::new(registration, handler), attachment))
    }
}

/// Attaches a receive request to a session that is known.
fn join(
    known: Known,
    bound_to: Option<Digest>,
    connection: Connection,
) -> Result<Receiving, Reject> {
    match known {
        Known::Live(shared) if shared.opening().bound_to == bound_to => {
            Ok(match Attachment::attach(shared, connection) {
                Ok(attachment) => Receiving::Attached(attachment),
                Err(reason) => Receiving::TurnedAway(reason),
            })
        }
        Known::Ended(ended) if ended.bound_to == bound_to => {
            Ok(Receiving::TurnedAway(ended.reason))
        }
        Known::Live(_) | Known::Ended(_) => Err(Reject::NoSession),
    }
}

fn connection(parts: &Parts, transport: Transport) -> Connection {
    Connection {
        transport,
        remote_addr: remote_addr(parts),
    }
}

impl From<NoPlace> for Refusal {
    fn from(no_place: NoPlace) -> Self {
        Self::from(match no_place {
            NoPlace::Full => Reject::TooManySessions,
            NoPlace::ClientIsFull => Reject::TooManySessionsPerKey,
            NoPlace::EndedIsFull => Reject::TooManyEndedSessions,
            NoPlace::ShuttingDown => Reject::ShuttingDown,
        })
    }
}

/// How long the head of a request that opens a session may be, in bytes. The session keeps the head.
const MAX_HEAD: usize = 16 * 1024;
