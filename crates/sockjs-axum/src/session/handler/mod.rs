mod returned;
mod signature;
mod state;

pub(crate) use self::state::{StateOf, Supplied};

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::response::Response;
use futures_util::FutureExt;
use futures_util::future::lazy;
use http::request::Parts;

use self::returned::Returned;
use self::signature::{Arguments, Extractors, Function, Running};
use super::Session;
use crate::error::{BoxError, SendError};

/// An async function that serves a session: up to eight axum extractors, then the [`Session`]. It
/// returns `()` or `Result<(), E>`.
///
/// The extractors implement [`FromRequestParts`](axum::extract::FromRequestParts). They run once, on the
/// request that opens the session, before the request is answered. If an extractor rejects the request,
/// its rejection is the answer, and no session opens.
///
/// `S` is the state that the extractors need. `T` is the tuple of the arguments' types: it lets the
/// trait be implemented for functions of every number of arguments, and is always inferred. The trait
/// is sealed: it is implemented for such functions alone.
///
/// [`on_session`](crate::SockJsLayer::on_session) names the mistake if a function is not a handler: for
/// example, that it takes an extractor of a body, or that its future is not [`Send`]. There is
/// nothing like axum's `debug_handler` to add.
///
/// # Errors
///
/// `E` is any type that can be made into a `Box<dyn Error + Send + Sync>`: a type that implements
/// [`Error`](std::error::Error), such a box, an `anyhow::Error`, or a `String`.
///
/// An error that the handler returns is logged as `session handler failed` at `WARN`, with all its
/// sources. The session closes with 1011 `Internal error` and the cause
/// [`HandlerFailed`](crate::Cause::HandlerFailed), after the queued messages were delivered.
///
/// [`SendError`], [`TrySendError::Closed`](crate::TrySendError::Closed) and
/// [`SendJsonError::Closed`](crate::SendJsonError::Closed) are a normal end, and are not logged, if the
/// handler's own session is closing or closed. The same holds for an error that has one of them among
/// its sources. So a handler can use `?` on every send. Code behind the loop does not run then: a handler
/// that has to clean up, for example tell a room who has left, calls a function with the loop, and cleans
/// up behind the call.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use axum::Router;
/// use axum::extract::State;
/// use sockjs_axum::{SendError, Session, SockJsLayer};
///
/// #[derive(Clone)]
/// struct Greeting(Arc<str>);
///
/// async fn greet(State(greeting): State<Greeting>, session: Session) -> Result<(), SendError> {
///     session.send(&*greeting.0).await
/// }
///
/// let greeting = Greeting("hi".into());
/// let app: Router =
///     Router::new().layer(SockJsLayer::new("/greet").on_session(greet).with_state(greeting));
/// ```
///
/// # Example: errors of several types
///
/// ```
/// use std::error::Error;
/// use sockjs_axum::{Session, SockJsLayer};
///
/// async fn add(mut session: Session) -> Result<(), Box<dyn Error + Send + Sync>> {
///     let mut sum: i64 = 0;
///     while let Some(message) = session.recv().await {
///         sum += message.parse::<i64>()?;
///         session.send_json(&sum).await?;
///     }
///     Ok(())
/// }
///
/// let service = SockJsLayer::new("/add").on_session(add).into_service();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not serve SockJS sessions",
    label = "not an `async fn(extractors.., Session)`",
    note = "a session handler is an async function of up to 8 extractors that implement `FromRequestParts`, and `sockjs_axum::Session` as its last argument"
)]
pub trait SessionHandler<T, S>: Clone + Send + Sync + Sized + 'static {
    /// Runs the extractors on the opening request. Resolves to the handler, which then waits for its
    /// session.
    #[doc(hidden)]
    fn accept(self, parts: Parts, state: S, _: sealed::Token) -> AcceptFuture;
}

mod sealed {
    /// Nobody outside this crate can name it, so that nobody can implement a method that takes it.
    #[derive(Debug)]
    #[expect(unnameable_types, reason = "this is what seals the trait")]
    pub struct Token;
}

/// A handler that was called with its session.
pub(crate) type HandlerFuture = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// Resolves to the accepted handler, or to the response that refuses the request.
pub(super) type AcceptFuture = Pin<Box<dyn Future<Output = Result<Accepted, Response>> + Send>>;

/// Makes the future of the handler. The handler function is called when that future is first polled,
/// so that a panic in it ends the session and not the request.
pub(crate) type Accepted = Box<dyn FnOnce(Session) -> HandlerFuture + Send>;

impl<H, T, S> SessionHandler<T, S> for H
where
    H: Function<T> + Clone + Send + Sync + 'static,
    H::Output: Running + Send + 'static,
    <H::Output as Running>::Returned: Returned,
    T: Arguments,
    T::Extractors: Extractors<S>,
    S: Send + Sync + 'static,
{
    fn accept(self, mut parts: Parts, state: S, _: sealed::Token) -> AcceptFuture {
        Box::pin(async move {
            let extractors = T::Extractors::extract(&mut parts, &state).await?;
            let accepted: Accepted = Box::new(move |session| {
                let call = lazy(move |_| self.call(T::new(extractors, session)));
                Box::pin(call.flatten().map(Returned::into_result))
            });
            Ok(accepted)
        })
    }
}

/// A handler of any type, which still needs a state `S`.
#[expect(unnameable_types, reason = "the trait `StateOf` has it in a method")]
pub struct ErasedHandler<S>(Arc<dyn Fn(Parts, S) -> AcceptFuture + Send + Sync>);

impl ErasedHandler<()> {
    /// Makes the handler of a mount that was given none: it echoes, and the first session logs a
    /// warning.
    pub(crate) fn missing(prefix: Arc<str>) -> Self {
        let warned = AtomicBool::new(false);
        Self(Arc::new(move |parts, state| {
            if !warned.swap(true, Ordering::Relaxed) {
                tracing::warn!(mount = &*prefix, "mount has no handler");
            }
            SessionHandler::accept(echo, parts, state, sealed::Token)
        }))
    }
}

impl<S> ErasedHandler<S> {
    pub(crate) fn new<H, T>(handler: H) -> Self
    where
        H: SessionHandler<T, S>,
    {
        Self(Arc::new(move |parts, state| {
            handler.clone().accept(parts, state, sealed::Token)
        }))
    }

    pub(crate) fn with_state(self, state: S) -> ErasedHandler<()>
    where
        S: Clone + Send + Sync + 'static,
    {
        ErasedHandler(Arc::new(move |parts, ()| (self.0)(parts, state.clone())))
    }
}

impl ErasedHandler<()> {
    pub(crate) fn accept(&self, parts: Parts) -> AcceptFuture {
        (self.0)(parts, ())
    }
}

impl<S> Clone for ErasedHandler<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S> fmt::Debug for ErasedHandler<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErasedHandler").finish_non_exhaustive()
    }
}

/// Sends every message back.
#[expect(
    clippy::manual_async_fn,
    reason = "an async function has room for its arguments twice"
)]
pub(crate) fn echo(mut session: Session) -> impl Future<Output = Result<(), SendError>> + Send {
    async move {
        while let Some(message) = session.recv().await {
            session.send(message).await?;
        }
        Ok(())
    }
}
