//! What a handler may look like. Each trait stands for one demand on its signature, so that a handler
//! that misses the demand is told which one it is.
//!
//! The compiler reports a demand of its own only for an implementation that it has chosen, and it
//! chooses one without looking at the demands if there is only one. Therefore the trait of the
//! handler has one implementation, and a trait below is implemented for all that the traits above
//! it let pass.

#![expect(
    unnameable_types,
    reason = "they are bounds of `SessionHandler`, which is sealed"
)]

use std::future::Future;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;

use crate::session::Session;

/// A function of arguments `T`, whatever they are.
pub trait Function<T> {
    type Output;

    fn call(self, arguments: T) -> Self::Output;
}

/// The arguments of a function. They end in a session.
#[diagnostic::on_unimplemented(
    message = "a session handler takes `Session` as its last argument",
    label = "the arguments of this function are `{Self}`",
    note = "extractors come first, and `sockjs_axum::Session` comes last: `async fn(extractors.., Session)`"
)]
pub trait Arguments: 'static {
    /// The arguments before the session.
    type Extractors: 'static;

    fn new(extractors: Self::Extractors, session: Session) -> Self;
}

/// The last argument, behind the arguments `E`.
///
/// Functions whose last argument is something else have [`Arguments`], too. Otherwise the compiler
/// would take for granted that the last argument is a session, before it looks at the function.
#[diagnostic::on_unimplemented(
    message = "a session handler takes `Session` as its last argument",
    label = "the last argument of this function is `{Self}`",
    note = "extractors come first, and `sockjs_axum::Session` comes last: `async fn(extractors.., Session)`"
)]
pub trait LastArgument<E>: 'static {
    /// These are `E`. A function without a session has none, so that it is not asked what they are.
    type Extractors: 'static;

    fn extractors(extractors: Self::Extractors) -> E;

    fn new(session: Session) -> Self;
}

impl<E: 'static> LastArgument<E> for Session {
    type Extractors = E;

    fn extractors(extractors: E) -> E {
        extractors
    }

    fn new(session: Session) -> Self {
        session
    }
}

/// A number of extractors that is allowed.
#[diagnostic::on_unimplemented(
    message = "a session handler takes at most 8 extractors",
    label = "the extractors of this function are `{Self}`",
    note = "put several extractors into one argument: a tuple of extractors is an extractor, and so is your own type that implements `FromRequestParts`"
)]
pub trait Extractors<S>: Sized + Send {
    fn extract(parts: &mut Parts, state: &S)
    -> impl Future<Output = Result<Self, Response>> + Send;
}

/// An extractor that needs no body.
#[diagnostic::on_unimplemented(
    message = "a session handler cannot take `{Self}` as an argument",
    label = "`{Self}` does not implement `FromRequestParts<{S}>`",
    note = "the arguments are extracted from the head of the request that opens the session: extractors of a body, such as `String`, `Bytes`, `Json` and `Form`, cannot be used, and messages come from `Session::recv`",
    note = "if `{Self}` needs a state, supply the state by `SockJsLayer::with_state`; the state is `{S}` here"
)]
pub trait Extractor<S>: FromRequestParts<S> {}

#[diagnostic::do_not_recommend]
impl<T, S> Extractor<S> for T where T: FromRequestParts<S> {}

/// What an async function returns at once.
#[diagnostic::on_unimplemented(
    message = "a session handler is an async function",
    label = "this function is not async: it returns `{Self}`, which is not a future",
    note = "write `async fn`, or return a future"
)]
pub trait Running: Future<Output = <Self as Running>::Returned> {
    type Returned;
}

#[diagnostic::do_not_recommend]
impl<F: Future> Running for F {
    type Returned = F::Output;
}

macro_rules! impl_function {
    ($($argument:ident),*) => {
        #[allow(non_snake_case, reason = "variables are named as the types they hold")]
        impl<F, R, $($argument),*> Function<($($argument,)*)> for F
        where
            F: FnOnce($($argument),*) -> R,
        {
            type Output = R;

            fn call(self, ($($argument,)*): ($($argument,)*)) -> R {
                self($($argument),*)
            }
        }
    };
}

macro_rules! impl_arguments {
    ($($extractor:ident),*) => {
        #[allow(non_snake_case, reason = "variables are named as the types they hold")]
        impl<L, $($extractor),*> Arguments for ($($extractor,)* L,)
        where
            L: LastArgument<($($extractor,)*)>,
            $($extractor: 'static,)*
        {
            type Extractors = L::Extractors;

            fn new(extractors: L::Extractors, session: Session) -> Self {
                let ($($extractor,)*) = L::extractors(extractors);
                ($($extractor,)* L::new(session),)
            }
        }
    };
}

macro_rules! impl_extractors {
    ($($extractor:ident),+) => {
        #[allow(non_snake_case, reason = "variables are named as the types they hold")]
        impl<S, $($extractor),+> Extractors<S> for ($($extractor,)+)
        where
            S: Sync,
            $($extractor: Extractor<S> + Send,)+
        {
            async fn extract(parts: &mut Parts, state: &S) -> Result<Self, Response> {
                $(
                    let $extractor = $extractor::from_request_parts(parts, state)
                        .await
                        .map_err(IntoResponse::into_response)?;
                )+
                Ok(($($extractor,)+))
            }
        }
    };
}

impl<S: Sync> Extractors<S> for () {
    async fn extract(_: &mut Parts, _: &S) -> Result<Self, Response> {
        Ok(())
    }
}

/// Calls a macro with each number of names up to all of them.
macro_rules! for_each_number {
    ($macro:ident: $($name:ident)*) => {
        for_each_number!(@ $macro () $($name)*);
    };
    (@ $macro:ident ($($name:ident),*) $next:ident $($rest:ident)*) => {
        $macro!($($name),*);
        for_each_number!(@ $macro ($($name,)* $next) $($rest)*);
    };
    (@ $macro:ident ($($name:ident),*)) => {
        $macro!($($name),*);
    };
}

for_each_number!(impl_function: T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13 T14 T15 T16);
for_each_number!(impl_arguments: T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13 T14 T15);
for_each_number!(@ impl_extractors (T1) T2 T3 T4 T5 T6 T7 T8);
