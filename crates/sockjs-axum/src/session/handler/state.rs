//! Whether the state that a handler needs was supplied.

#![expect(
    unnameable_types,
    reason = "the trait is a bound of methods that nobody implements"
)]

use super::ErasedHandler;

/// Stands for a state that was supplied.
#[derive(Debug)]
pub struct Supplied;

/// The state that a handler still needs is `S`, which must be `()`.
///
/// `S` is a parameter and not the type that implements the trait, because the compiler then infers `()`
/// for a handler that needs no state.
#[diagnostic::on_unimplemented(
    message = "the state `{S}` of the session handler was never supplied",
    label = "call `.with_state(..)` on the `SockJsLayer` first",
    note = "an extractor of the handler needs the state: supply it by `SockJsLayer::with_state`, after `on_session`",
    note = "the state of a router, which `Router::with_state` supplies, does not reach a layer"
)]
pub trait StateOf<S> {
    fn complete(handler: ErasedHandler<S>) -> ErasedHandler<()>;
}

impl StateOf<()> for Supplied {
    fn complete(handler: ErasedHandler<()>) -> ErasedHandler<()> {
        handler
    }
}
