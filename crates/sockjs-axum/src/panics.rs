//! The message of a panic that was caught, and how its payload is dropped.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Returns what a panic says.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    if let Some(message) = panic.downcast_ref::<&str>() {
        message
    } else if let Some(message) = panic.downcast_ref::<String>() {
        message
    } else {
        "unknown"
    }
}

/// Drops what a panic carries, which may panic too. What that second panic carries is leaked.
pub(crate) fn drop_panic(panic: Box<dyn Any + Send>) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(panic);
    }
}
