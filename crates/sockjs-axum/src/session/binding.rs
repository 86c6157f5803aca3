use std::any::Any;
use std::fmt;
use std::sync::Arc;

use http::request::Parts;

/// The function of [`bind_session`](crate::SockJsLayer::bind_session): computes the key of a request.
#[derive(Clone)]
pub(crate) struct Binding(Arc<dyn Fn(&Parts) -> BoundTo + Send + Sync>);

impl Binding {
    pub(crate) fn new<K>(key: impl Fn(&Parts) -> K + Send + Sync + 'static) -> Self
    where
        K: PartialEq + Send + Sync + 'static,
    {
        Self(Arc::new(move |parts| BoundTo {
            key: Box::new(key(parts)),
            is_same: is_same::<K>,
        }))
    }

    pub(crate) fn of(&self, parts: &Parts) -> BoundTo {
        (self.0)(parts)
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Binding")
    }
}

/// The key of one request. Only requests with an equal key may use the session.
pub(crate) struct BoundTo {
    key: Box<dyn Any + Send + Sync>,
    is_same: fn(&dyn Any, &dyn Any) -> bool,
}

impl PartialEq for BoundTo {
    fn eq(&self, other: &Self) -> bool {
        (self.is_same)(&*self.key, &*other.key)
    }
}

/// Leaves the key out, because it may be a secret.
impl fmt::Debug for BoundTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoundTo")
    }
}

fn is_same<K: PartialEq + 'static>(one: &dyn Any, other: &dyn Any) -> bool {
    match (one.downcast_ref::<K>(), other.downcast_ref::<K>()) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}
