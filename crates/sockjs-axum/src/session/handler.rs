use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::lazy;
use http::request::Parts;

use super::Session;

/// An async function that serves a session: up to eight axum extractors, then the [`Session`].
///
/// The extractors implement [`FromRequestParts`]. They run once, on the request that opens the
/// session, before the request is answered. If an extractor rejects the request, its rejection is the
/// answer, and no session opens.
///
/// `S` is the state that the extractors need. `T` is the tuple of the extractors' types: it lets the
/// trait be implemented for functions of every number of arguments, and is always inferred. The trait
/// is sealed: it is implemented for such functions alone.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use axum::Router;
/// use axum::extract::State;
/// use sockjs_axum::{Session, SockJsLayer};
///
/// #[derive(Clone)]
/// struct Greeting(Arc<str>);
///
/// async fn greet(State(greeting): State<Greeting>, session: Session) {
///     let _ = session.send(&*greeting.0).await;
/// }
///
/// let greeting = Greeting("hi".into());
/// let app: Router =
///     Router::new().layer(SockJsLayer::new("/greet").on_session(greet).with_state(greeting));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not serve SockJS sessions",
    label = "not an `async fn(extractors.., Session)`",
    note = "a session handler is an async function of up to 8 extractors that implement `FromRequestParts<S>`, and `sockjs_axum::Session` as its last argument; it returns `()`, and its future is `Send`"
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
pub(crate) type HandlerFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Resolves to the accepted handler, or to the response that refuses the request.
pub(super) type AcceptFuture = Pin<Box<dyn Future<Output = Result<Accepted, Response>> + Send>>;

/// Makes the future of the handler. The handler function is called when that future is first polled,
/// so that a panic in it ends the session and not the request.
pub(crate) type Accepted = Box<dyn FnOnce(Session) -> HandlerFuture + Send>;

impl<F, Fut, S> SessionHandler<(), S> for F
where
    F: FnOnce(Session) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    fn accept(self, _: Parts, _: S, _: sealed::Token) -> AcceptFuture {
        Box::pin(async move {
            let accepted: Accepted =
                Box::new(move |session| Box::pin(lazy(move |_| self(session)).flatten()));
            Ok(accepted)
        })
    }
}

macro_rules! impl_session_handler {
    ($($extractor:ident),+) => {
        #[expect(non_snake_case, reason = "variables are named as the types they hold")]
        impl<F, Fut, S, $($extractor),+> SessionHandler<($($extractor,)+), S> for F
        where
            F: FnOnce($($extractor,)+ Session) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = ()> + Send + 'static,
            S: Send + Sync + 'static,
            $($extractor: FromRequestParts<S> + Send + 'static,)+
        {
            fn accept(self, mut parts: Parts, state: S, _: sealed::Token) -> AcceptFuture {
                Box::pin(async move {
                    $(
                        let $extractor = $extractor::from_request_parts(&mut parts, &state)
                            .await
                            .map_err(IntoResponse::into_response)?;
                    )+
                    let accepted: Accepted =
                        Box::new(move |session| Box::pin(lazy(move |_| self($($extractor,)+ session)).flatten()));
                    Ok(accepted)
                })
            }
        }
    };
}

impl_session_handler!(T1);
impl_session_handler!(T1, T2);
impl_session_handler!(T1, T2, T3);
impl_session_handler!(T1, T2, T3, T4);
impl_session_handler!(T1, T2, T3, T4, T5);
impl_session_handler!(T1, T2, T3, T4, T5, T6);
impl_session_handler!(T1, T2, T3, T4, T5, T6, T7);
impl_session_handler!(T1, T2, T3, T4, T5, T6, T7, T8);

/// A handler of any type, which still needs a state `S`.
pub(crate) struct ErasedHandler<S>(Arc<dyn Fn(Parts, S) -> AcceptFuture + Send + Sync>);

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
pub(crate) fn echo(mut session: Session) -> impl Future<Output = ()> + Send {
    async move {
        while let Some(message) = session.recv().await {
            if session.send(message).await.is_err() {
                break;
            }
        }
    }
}
