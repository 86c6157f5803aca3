//! What a handler may return.

#![expect(
    unnameable_types,
    reason = "they are bounds of `SessionHandler`, which is sealed"
)]

use crate::error::BoxError;

/// What the future of a handler resolves to.
#[diagnostic::on_unimplemented(
    message = "a session handler cannot return `{Self}`",
    label = "this function returns `{Self}`",
    note = "a session handler returns `()` or `Result<(), E>`"
)]
pub trait Returned {
    fn into_result(self) -> Result<(), BoxError>;
}

impl Returned for () {
    fn into_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<E: HandlerError> Returned for Result<(), E> {
    fn into_result(self) -> Result<(), BoxError> {
        self.map_err(HandlerError::into_boxed)
    }
}

/// For handlers that never return, or panic.
#[diagnostic::do_not_recommend]
impl Returned for Never {
    fn into_result(self) -> Result<(), BoxError> {
        self
    }
}

/// An error that can be logged.
#[diagnostic::on_unimplemented(
    message = "a session handler cannot fail with `{Self}`",
    label = "`Box<dyn Error + Send + Sync>` cannot be made from `{Self}`",
    note = "the error is logged: it implements `std::error::Error`, `Send` and `Sync`, or is a `Box<dyn Error + Send + Sync>`, an `anyhow::Error` or a `String`"
)]
pub trait HandlerError: Into<BoxError> {
    fn into_boxed(self) -> BoxError;
}

#[diagnostic::do_not_recommend]
impl<E: Into<BoxError>> HandlerError for E {
    fn into_boxed(self) -> BoxError {
        self.into()
    }
}

/// The type `!`, which has no name yet outside the return type of a function.
type Never = <fn() -> ! as Function>::Output;

pub trait Function {
    type Output;
}

impl<R> Function for fn() -> R {
    type Output = R;
}
