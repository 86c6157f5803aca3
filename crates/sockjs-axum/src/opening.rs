use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, OriginalUri};
use http::Uri;
use http::header::{AUTHORIZATION, COOKIE};
use http::request::Parts;
use http::uri::PathAndQuery;
use uuid::Uuid;

use crate::binding::BoundTo;
use crate::head::Head;

/// What the application may know of the request that opened a session.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) id: Uuid,
    pub(crate) head: Head,
    pub(crate) bound_to: Option<Arc<BoundTo>>,
    prefix_len: usize,
}

impl Opening {
    pub(crate) fn new(parts: &Parts, prefix_len: usize) -> Self {
        Self {
            id: Uuid::new_v4(),
            head: Head::new(original_uri(parts), &parts.headers),
            bound_to: None,
            prefix_len,
        }
    }

    pub(crate) fn prefix(&self) -> &str {
        self.head
            .uri()
            .path()
            .get(..self.prefix_len)
            .unwrap_or_default()
    }
}

/// Returns the URI as the client sent it, also where a router has cut off what it matched.
pub(crate) fn original_uri(parts: &Parts) -> &Uri {
    match parts.extensions.get::<OriginalUri>() {
        Some(OriginalUri(uri)) => uri,
        None => &parts.uri,
    }
}

/// Returns the length of the mount's prefix in the original URI, whose end is the path seen here.
pub(crate) fn prefix_len(parts: &Parts, prefix: &str) -> usize {
    let seen = parts.uri.path();
    let original = original_uri(parts).path();
    let cut = if original.ends_with(seen) {
        original.len() - seen.len()
    } else {
        0
    };
    cut + prefix.len()
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
    if let Some(OriginalUri(uri)) = parts.extensions.get_mut::<OriginalUri>() {
        *uri = without_id(uri);
    }
    parts.uri = without_id(&parts.uri);
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
    let mut concealed = format!("{base}/-/{action}{slash}");
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
