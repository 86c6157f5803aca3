//! How the registry files sessions: by what they themselves hold, of which it so needs no copy.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use uuid::Uuid;

use crate::session::driver::Driver;

/// A session under the id that the server made for it.
#[derive(Clone, Debug)]
pub(crate) struct ById(pub(crate) Arc<Driver>);

impl Borrow<Uuid> for ById {
    fn borrow(&self) -> &Uuid {
        &self.0.opening().id
    }
}

impl Hash for ById {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Borrow::<Uuid>::borrow(self).hash(state);
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &Self) -> bool {
        Borrow::<Uuid>::borrow(self) == Borrow::<Uuid>::borrow(other)
    }
}

impl Eq for ById {}

/// A session under its key. Those without one are not filed so.
#[derive(Clone, Debug)]
pub(crate) struct ByKey(pub(crate) Arc<Driver>);

impl Borrow<str> for ByKey {
    fn borrow(&self) -> &str {
        self.0.opening().key.as_deref().unwrap_or_default()
    }
}

impl Hash for ByKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Borrow::<str>::borrow(self).hash(state);
    }
}

impl PartialEq for ByKey {
    fn eq(&self, other: &Self) -> bool {
        Borrow::<str>::borrow(self) == Borrow::<str>::borrow(other)
    }
}

impl Eq for ByKey {}
