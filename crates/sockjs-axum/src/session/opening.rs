use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, OriginalUri};
use http::Uri;
use http::header::{AUTHORIZATION, COOKIE};
use http::request::Parts;
use http::uri::PathAndQuery;
use uuid::Uuid;

use crate::mount::registry::Key;
use crate::session::binding::BoundTo;
use crate::session::head::Head;

/// What the application may know of the request that opened a session.
pub(crate) struct Opening {
    pub(crate) id: Uuid,
    /// What the session is filed under, if its requests are to find it. Not the application's to
    /// know.
    pub(crate) key: Option<Key>,
    pub(crate) head: Head,
    pub(crate) bound_to: Option<Arc<BoundTo>>,
    pub(crate) prefix: Arc<str>,
}

impl Opening {
    pub(crate) fn new(parts: &Parts, prefix: Arc<str>) -> Self {
        Self {
            id: Uuid::new_v4(),
            key: None,
            head: Head::new(original_uri(parts), &parts.headers),
            bound_to: None,
            prefix,
        }
    }
}

/// Without the key, which holds the session's id in the URL.
impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening")
            .field("id", &self.id)
            .field("head", &self.head)
            .field("bound_to", &self.bound_to)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// Returns the URI as the client sent it, also where a router has cut off what it matched.
pub(crate) fn original_uri(parts: &Parts) -> &Uri {
    match parts.extensions.get::<OriginalUri>() {
        Some(OriginalUri(uri)) => uri,
        None => &parts.uri,
    }
}

/// Returns the mount's prefix in the original URI, whose end is the path seen here. Where it is not,
/// something has rewritten the path, and the prefix is as good as its own.
pub(crate) fn prefix<'a>(parts: &'a Parts, own: &'a str) -> &'a str {
    let seen = parts.uri.path();
    let original = original_uri(parts).path();
    match original.strip_suffix(seen) {
        Some(cut) => original.get(..cut.len() + own.len()).unwrap_or(own),
        None => own,
    }
}

/// Returns about how many bytes of a request's head a session keeps.
pub(crate) fn head_len(parts: &Parts) -> usize {
    let uri = original_uri(parts);
    let fields = parts
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len());
    uri.path().len() + uri.query().map_or(0, str::len) + fields.sum::<usize>()
}

pub(crate) fn remote_addr(parts: &Parts) -> Option<SocketAddr> {
    parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|ConnectInfo(addr)| *addr)
}

/// Whether the application may see the credentials in a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Credentials {
    Shown,
    Concealed,
}

/// Takes cookies and credentials from a request, unless they may be shown. They say who owns the
/// browser, not which page sends: any page can embed the iframe page and act from there.
pub(crate) fn conceal_credentials(parts: &mut Parts) {
    if parts.extensions.remove() != Some(Credentials::Shown) {
        parts.headers.remove(COOKIE);
        parts.headers.remove(AUTHORIZATION);
    }
}

/// Replaces the id in a session URL by a dash, since whoever knows it can join the session.
pub(crate) fn conceal_id(parts: &mut Parts) {
    let concealed = without_id(&parts.uri);
    if let Some(OriginalUri(original)) = parts.extensions.get_mut::<OriginalUri>() {
        *original = if *original == parts.uri {
            concealed.clone()
        } else {
            without_id(original)
        };
    }
    parts.uri = concealed;
}

fn without_id(uri: &Uri) -> Uri {
    let path = uri.path();
    let end = path.strip_suffix('/').unwrap_or(path);
    let mut segments = end.rsplitn(3, '/');
    let (Some(action), Some(_id), Some(base)) = (segments.next(), segments.next(), segments.next())
    else {
        return uri.clone();
    };
    let slash = &path[end.len()..];
    let mut concealed = [base, "/-/", action, slash].concat();
    if let Some(query) = uri.query() {
        concealed.push('?');
        concealed.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    match PathAndQuery::try_from(concealed) {
        Ok(path_and_query) => parts.path_and_query = Some(path_and_query),
        Err(_) => return uri.clone(),
    }
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}
