use std::sync::{Arc, OnceLock};

use http::request::Parts;
use sockjs_core::{CloseReason, Endpoint, Transport};

use super::Mount;
use super::nodes::{Settling, Unsettled};
use super::registry::{Known, NoPlace, Phase, Place};
use super::remote::{Relayed, Remote};
use super::task::SessionTask;
use crate::http::reject::{Refusal, Reject};
use crate::meter::Meter;
use crate::peers::{Claim, Found, Peer, RelayHead};
use crate::session::{
    Accepted, Attachment, Connection, Credentials, Digest, Key, Opening, Prefix, SendQueue,
    Session, SessionRef, conceal_credentials, conceal_id, conceal_id_in_params, head_len, prefix,
    remote_addr,
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
    /// The response of the node that owns the session.
    Relayed(Box<Relayed>),
    /// One close frame with that reason, because the session is over or has another receiver.
    TurnedAway(CloseReason),
}

/// The session that a request is for.
#[derive(Clone, Copy)]
pub(crate) enum Wanted<'a> {
    /// The endpoint and the session id in the URL of a client's request.
    Client(Endpoint, &'a str),
    /// The session that another node asks for.
    Peer(&'a FromPeer),
}

/// A request that another node relays to this one.
pub(crate) struct FromPeer {
    pub(crate) head: RelayHead,
    /// Set when the request is attached to its session.
    pub(crate) settling: OnceLock<Settling>,
}

/// What a send request gets from its session.
pub(crate) enum Sending {
    /// The session's queue.
    Queue(SendQueue),
    /// The node that owns the session.
    Elsewhere(Box<Remote>),
}

/// How requests find their sessions.
impl Mount {
    /// Attaches a receive request to the session that it wants. Opens the session if there is none.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async function reserves space for its arguments twice"
    )]
    pub(crate) fn attach(
        &self,
        opener: Opener,
        wanted: &Wanted<'_>,
        transport: Transport,
    ) -> impl Future<Output = Result<Receiving, Refusal>> {
        async move {
            let (key, bound_to) = self.identify(&opener.parts, wanted);
            let connection = connection(&opener.parts, wanted, transport);
            if let Some(known) = self.registry().find(&key) {
                let receiving = join(known, bound_to, connection)?;
                return match self.settle(&receiving, key, wanted) {
                    None => Ok(receiving),
                    Some(before) => Box::pin(receive_after(before, receiving)).await,
                };
            }
            let endpoint = match *wanted {
                Wanted::Client(endpoint, _) => endpoint,
                // The session is over, and this node has forgotten it.
                Wanted::Peer(_) => return Ok(Receiving::TurnedAway(CloseReason::GOING_AWAY)),
            };
            let place = match self.reserve(&opener.parts, Some(key)) {
                Ok(place) => place,
                Err(reject) if self.registry().nodes().is_none() => return Err(reject.into()),
                // A node that opens no session still serves those of other nodes.
                Err(reject) => {
                    let elsewhere = self.attach_elsewhere(reject, opener, endpoint, key, bound_to);
                    return Box::pin(elsewhere).await;
                }
            };
            let claimed = match self.registry().nodes() {
                None => None,
                // Boxed, because the future of every request would otherwise reserve space for it.
                Some(nodes) => match Box::pin(nodes.claim(key)).await {
                    Ok(claimed) => Some(Box::new(claimed)),
                    Err(claim) => {
                        drop(place);
                        let owner =
                            |peer| Remote::new(nodes, peer, endpoint, key, bound_to, &opener.parts);
                        return Box::pin(claimed_elsewhere(claim, owner)).await;
                    }
                },
            };
            let admission = self
                .accept(opener, transport, place, Some(key), bound_to)
                .await?;
            // Not kept in the future meanwhile.
            let (connection, bound_to) = (admission.connection, admission.opening.bound_to);
            let nodes = self.registry().nodes().zip(admission.opening.key);
            match admission.open(self) {
                Ok((task, attachment)) => {
                    if let Some(claimed) = claimed {
                        claimed.keep();
                    }
                    task.spawn();
                    Ok(Receiving::Attached(attachment))
                }
                // Another request opened the session while the extractors ran.
                Err(known) => {
                    let receiving = join(known, bound_to, connection)?;
                    match nodes.and_then(|(nodes, key)| nodes.unsettled(&key)) {
                        None => Ok(receiving),
                        Some(before) => Box::pin(receive_after(before, receiving)).await,
                    }
                }
            }
        }
    }

    /// Finds the session that a send request is for.
    pub(crate) async fn find(&self, parts: &Parts, wanted: &Wanted<'_>) -> Result<Sending, Reject> {
        let (key, bound_to) = self.identify(parts, wanted);
        match (self.registry().find(&key), *wanted) {
            (Some(Known::Live(shared)), _) if shared.opening().bound_to == bound_to => {
                Ok(Sending::Queue(SendQueue::new(shared)))
            }
            (Some(Known::Live(_) | Known::Ended(_)), _) | (None, Wanted::Peer(_)) => {
                Err(Reject::NoSession)
            }
            (None, Wanted::Client(endpoint, _)) => {
                if self.registry().nodes().is_none() {
                    return Err(Reject::NoSession);
                }
                let found = self.find_elsewhere(parts, endpoint, key, bound_to);
                // Boxed, because the future of every request would otherwise reserve space for it.
                let remote = Box::pin(found).await?;
                Ok(Sending::Elsewhere(Box::new(remote)))
            }
        }
    }

    /// Attaches a receive request that this node refuses to the session of another node.
    async fn attach_elsewhere(
        &self,
        reject: Reject,
        opener: Opener,
        endpoint: Endpoint,
        key: Key,
        bound_to: Option<Digest>,
    ) -> Result<Receiving, Refusal> {
        let found = self.find_elsewhere(&opener.parts, endpoint, key, bound_to);
        match found.await {
            Ok(remote) => Ok(receive_from(remote).await),
            Err(_) => Err(reject.into()),
        }
    }

    /// Finds the node that owns a session which this node does not know.
    async fn find_elsewhere(
        &self,
        parts: &Parts,
        endpoint: Endpoint,
        key: Key,
        bound_to: Option<Digest>,
    ) -> Result<Remote, Reject> {
        let nodes = self.registry().nodes().ok_or(Reject::NoSession)?;
        match nodes.find(key).await {
            Found::Peer(peer) => Ok(Remote::new(nodes, peer, endpoint, key, bound_to, parts)),
            Found::Nobody => Err(Reject::NoSession),
            Found::Unavailable => Err(Reject::DirectoryUnavailable),
        }
    }

    /// Enters a response that another node passes on to the client. Returns the response before it if its
    /// delivery is not confirmed yet: the request must wait until it is.
    ///
    /// The request is attached meanwhile. So the session is not without a receiver, and a second request
    /// that comes is turned away.
    fn settle(&self, receiving: &Receiving, key: Key, wanted: &Wanted<'_>) -> Option<Unsettled> {
        let nodes = self.registry().nodes()?;
        let Receiving::Attached(attachment) = receiving else {
            return None;
        };
        match wanted {
            Wanted::Client(..) => nodes.unsettled(&key),
            Wanted::Peer(request) => {
                let (settling, before) = nodes.settle(key, attachment.session());
                let _ = request.settling.set(settling);
                before
            }
        }
    }

    /// Takes a place for a WebSocket's session, and runs the handler's extractors on the request that is
    /// to open it.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async function reserves space for its arguments twice"
    )]
    pub(crate) fn admit(
        &self,
        opener: Opener,
        transport: Transport,
    ) -> impl Future<Output = Result<Admission, Refusal>> {
        async move {
            let place = self.reserve(&opener.parts, None)?;
            self.accept(opener, transport, place, None, None).await
        }
    }

    /// Runs the handler's extractors on the request that is to open a session. `key` and `bound_to` say
    /// how the session's later requests find it.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async function reserves space for its arguments twice"
    )]
    fn accept(
        &self,
        opener: Opener,
        transport: Transport,
        place: Place,
        key: Option<Key>,
        bound_to: Option<Digest>,
    ) -> impl Future<Output = Result<Admission, Refusal>> {
        async move {
            let Opener {
                mut parts,
                credentials,
            } = opener;
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
            let connection = Connection {
                transport,
                remote_addr: remote_addr(&parts),
            };
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
    }

    /// Takes a place for the session that a request is about to open.
    fn reserve(&self, parts: &Parts, key: Option<Key>) -> Result<Place, Reject> {
        let config = self.config();
        if head_len(parts) > MAX_HEAD {
            return Err(Reject::HeadTooLarge);
        }
        if let Some(key) = key {
            self.registry()
                .check_ended(&key, config.max_ended_sessions)?;
        }
        let client = config.max_per_key.as_ref().map(|limit| {
            let client = limit.key.of(parts, self.registry().digest());
            (client, limit.sessions)
        });
        Ok(self.registry().reserve(config.max_sessions, client)?)
    }

    /// Computes the key of the session that a request wants, and what the request is bound to.
    fn identify(&self, parts: &Parts, wanted: &Wanted<'_>) -> (Key, Option<Digest>) {
        match *wanted {
            Wanted::Client(_, id) => (self.key(parts, id), self.bound_to(parts)),
            Wanted::Peer(FromPeer { head, .. }) => (
                Digest::from_bytes(head.session.0),
                head.bound_to.map(Digest::from_bytes),
            ),
        }
    }

    /// Makes the key of a session.
    ///
    /// A prefix with parameters stands for as many mounts as the parameters have values. The key
    /// then contains the prefix, because a session belongs to one of these mounts.
    fn key(&self, parts: &Parts, id: &str) -> Key {
        let digest = self.registry().digest();
        match prefix(parts, self.prefix()) {
            prefix if *prefix != **self.prefix() => {
                digest.of_bytes(&[prefix.as_bytes(), id.as_bytes()])
            }
            _ => digest.of_bytes(&[id.as_bytes()]),
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

/// Answers a receive request whose session this node cannot open.
async fn claimed_elsewhere(
    claim: Claim,
    owner: impl FnOnce(Arc<dyn Peer>) -> Remote,
) -> Result<Receiving, Refusal> {
    match claim {
        Claim::Peer(peer) => Ok(receive_from(owner(peer)).await),
        Claim::Lost => Ok(Receiving::TurnedAway(CloseReason::GOING_AWAY)),
        Claim::Ours | Claim::Unavailable => Err(Reject::DirectoryUnavailable.into()),
    }
}

/// Lets a request that is attached wait until the client has the response before it, or the session is
/// over.
async fn receive_after(before: Unsettled, receiving: Receiving) -> Result<Receiving, Refusal> {
    if let Receiving::Attached(attachment) = &receiving {
        let session = SessionRef::new(attachment.session().clone());
        tokio::select! {
            () = before.settled() => {}
            _ = session.closed() => {}
        }
    }
    Ok(receiving)
}

async fn receive_from(remote: Remote) -> Receiving {
    match remote.receive().await {
        Ok(relayed) => Receiving::Relayed(Box::new(relayed)),
        // The session ends, if it is not over: its client will not ask for it again.
        Err(_) => Receiving::TurnedAway(CloseReason::GOING_AWAY),
    }
}

fn connection(parts: &Parts, wanted: &Wanted<'_>, transport: Transport) -> Connection {
    let remote_addr = match wanted {
        Wanted::Client(..) => remote_addr(parts),
        Wanted::Peer(request) => request.head.remote_addr,
    };
    Connection {
        transport,
        remote_addr,
    }
}

impl From<NoPlace> for Reject {
    fn from(no_place: NoPlace) -> Self {
        match no_place {
            NoPlace::Full => Self::TooManySessions,
            NoPlace::ClientIsFull => Self::TooManySessionsPerKey,
            NoPlace::EndedIsFull => Self::TooManyEndedSessions,
            NoPlace::ShuttingDown => Self::ShuttingDown,
        }
    }
}

/// How long the head of a request that opens a session may be, in bytes. The session keeps the head.
const MAX_HEAD: usize = 16 * 1024;
