use std::borrow::Cow;
use std::sync::Arc;

use http::request::Parts;
use sockjs_core::{CloseReason, Transport};

use crate::endpoint::Endpoint;
use crate::http::reject::{Refusal, Reject};
use crate::meter::Meter;
use crate::mount::registry::{Found, Phase, Place};
use crate::mount::task::{self, App, OpenSession};
use crate::session::Session;
use crate::session::attachment::Attachment;
use crate::session::binding::BoundTo;
use crate::session::driver::{Driver, Origin};
use crate::session::handler::Accepted;
use crate::session::opening::{self, Opening};

/// How requests come to their sessions.
impl Endpoint {
    /// Attaches a receive request to the session of that id, which it opens if there is none.
    /// Otherwise says with what close frame to answer.
    pub(crate) async fn attach(
        &self,
        parts: Box<Parts>,
        id: &str,
        transport: Transport,
    ) -> Result<Result<Attachment, CloseReason>, Refusal> {
        let origin = Origin {
            transport,
            remote_addr: opening::remote_addr(&parts),
        };
        let key = self.key(&parts, id);
        let bound_to = self.bound_to(&parts);
        if let Some(attached) = join(self.registry().find(&key), &bound_to, origin)? {
            return Ok(attached);
        }
        let (accepted, mut opening, place) = self.accept(parts, Addressed::ById).await?;
        opening.key = Some(key.into());
        opening.bound_to = bound_to;
        let (driver, attachment) = Driver::open(
            opening,
            origin,
            self.meter(transport),
            self.session_config(transport),
        );
        // Another request may have opened it while the extractors ran.
        let found = self.registry().insert(&driver);
        if let Some(attached) = join(found, &driver.opening().bound_to, origin)? {
            return Ok(attached);
        }
        let registration = place.register(driver.clone());
        let app = App::new(accepted(Session::new(driver.clone())));
        let span = task::span(&driver);
        let session = OpenSession { registration, app };
        task::spawn_in(span, task::run(session));
        Ok(Ok(attachment))
    }

    /// Finds the session a send request is for.
    pub(crate) fn find(&self, parts: &Parts, id: &str) -> Option<Arc<Driver>> {
        match self.registry().find(&self.key(parts, id)) {
            Found::Live(driver) if driver.opening().bound_to == self.bound_to(parts) => {
                Some(driver)
            }
            Found::Live(_) | Found::Ended(_) | Found::Nothing => None,
        }
    }

    /// Lets the handler's extractors judge a request that is to open a session.
    pub(crate) async fn accept(
        &self,
        mut parts: Box<Parts>,
        addressed: Addressed,
    ) -> Result<(Accepted, Opening, Place), Refusal> {
        if opening::head_len(&parts) > MAX_HEAD {
            return Err(Reject::HeadTooLarge.into());
        }
        let place = self.registry().reserve(self.config().max_sessions)?;
        let prefix = match opening::prefix(&parts, self.prefix()) {
            prefix if *prefix != **self.prefix() => prefix.into(),
            _ => self.prefix().clone(),
        };
        opening::conceal_credentials(&mut parts);
        if let Addressed::ById = addressed {
            opening::conceal_id(&mut parts);
        }
        let opening = Opening::new(&parts, prefix);
        let accepted = match self.handler().accept(*parts).await {
            Ok(accepted) => accepted,
            Err(rejection) => {
                // On the heap, as every request would have room for it.
                let refusal = Box::pin(Refusal::by_handler(rejection));
                return Err(refusal.await);
            }
        };
        if self.registry().phase() == Phase::Stopped {
            return Err(Reject::ShuttingDown.into());
        }
        Ok((accepted, opening, place))
    }

    /// Makes the key of a session. A mount whose prefix has parameters is as many mounts as there
    /// are values, so that the prefix belongs to the key where it is not this mount's own.
    fn key<'a>(&self, parts: &Parts, id: &'a str) -> Cow<'a, str> {
        match opening::prefix(parts, self.prefix()) {
            prefix if *prefix != **self.prefix() => format!("{prefix}/{id}").into(),
            _ => id.into(),
        }
    }

    pub(crate) fn meter(&self, transport: Transport) -> Meter {
        Meter::new(self.prefix().clone(), transport)
    }

    fn bound_to(&self, parts: &Parts) -> Option<Arc<BoundTo>> {
        self.config()
            .binding
            .as_ref()
            .map(|binding| Arc::new(binding.of(parts)))
    }
}

/// Attaches a receiver to a session that was found; `None` if there was nothing.
fn join(
    found: Found,
    bound_to: &Option<Arc<BoundTo>>,
    origin: Origin,
) -> Result<Option<Result<Attachment, CloseReason>>, Reject> {
    match found {
        Found::Live(driver) if driver.opening().bound_to == *bound_to => {
            Ok(Some(driver.attach(origin)))
        }
        Found::Ended(ended) if ended.bound_to == *bound_to => Ok(Some(Err(ended.reason))),
        Found::Live(_) | Found::Ended(_) => Err(Reject::NoSession),
        Found::Nothing => Ok(None),
    }
}

/// Whether a URL holds a session id.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Addressed {
    ById,
    Anonymously,
}

/// How long the head of a request that opens a session may be, in bytes. It is kept as long as the
/// session.
const MAX_HEAD: usize = 16 * 1024;
