use std::mem;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, OriginalUri, RawPathParams, Request};
use axum::response::Response;
use axum::routing::any;
use futures_util::FutureExt;
use http::request::Parts;
use http::{Extensions, Uri};
use tower_service::Service;

use super::opening::prefix;

/// Replaces the session id by a dash in the parameters that a router took from the path, as
/// `/chat/{*rest}` does. `own` is the prefix of the mount.
///
/// The parameters are in an extension of a type that is private to axum. So a router of our own makes
/// that extension again, from a request that has nothing else.
pub(crate) fn conceal_id_in_params(parts: &mut Parts, own: &str) {
    let params = RawPathParams::from_request_parts(parts, &()).now_or_never();
    let Some(Ok(params)) = params else {
        return;
    };
    if params.iter().next().is_none() {
        return;
    }
    let mut params: Vec<(String, String)> = params
        .iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    if !conceal(&mut params, parts.uri.path(), prefix(parts, own)) {
        return;
    }
    if let Some(concealed) = extensions_of(&params) {
        parts.extensions.extend(concealed);
    }
}

/// Replaces the id in the parameter that contains it, if there is one.
fn conceal(params: &mut [(String, String)], path: &str, prefix: &str) -> bool {
    let end = path.strip_suffix('/').unwrap_or(path);
    let slash = &path[end.len()..];
    let mut segments = end.rsplitn(3, '/');
    let (Some(action), Some(id)) = (segments.next(), segments.next()) else {
        return false;
    };
    let id = decode(id);
    let tail = format!("{id}/{action}{slash}");
    // A parameter that takes several segments is the last one.
    if let Some((_, value)) = params.last_mut() {
        if let Some(start) = value.strip_suffix(&tail) {
            if start.is_empty() || start.ends_with('/') {
                *value = format!("{start}-/{action}{slash}");
                return true;
            }
        }
    }
    // The client chooses the id, and may choose the name of a tenant in the prefix, which must stay.
    let in_prefix = prefix.split('/').filter(|it| decode(it) == id).count();
    let mut equal = params.iter_mut().filter(|(_, value)| *value == id);
    match equal.nth(in_prefix) {
        Some(first) => {
            let (_, value) = equal.next_back().unwrap_or(first);
            "-".clone_into(value);
            true
        }
        None => false,
    }
}

/// Returns the extensions of a request that a router took these parameters from.
fn extensions_of(params: &[(String, String)]) -> Option<Extensions> {
    let mut extensions = Extensions::new();
    for (key, value) in params {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = Uri::try_from(format!("/{}", encode(value))).ok()?;
        *request.extensions_mut() = extensions;
        let mut router: Router = Router::new().route(&format!("/{{*{key}}}"), any(reflect));
        let Ok(response) = router.call(request).now_or_never()?;
        extensions = response.into_parts().0.extensions;
        extensions.remove::<OriginalUri>();
        extensions.remove::<MatchedPath>();
    }
    Some(extensions)
}

async fn reflect(mut request: Request) -> Response {
    let mut response = Response::new(Body::empty());
    *response.extensions_mut() = mem::take(request.extensions_mut());
    response
}

fn encode(value: &str) -> String {
    value.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Decodes a segment as axum decodes parameters. Bytes that are not UTF-8 do not matter, because
/// axum does not show parameters then.
fn decode(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [byte, after @ ..] = rest {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let decoded = hex
            .filter(|hex| *byte == b'%' && hex.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(decoded.unwrap_or(*byte));
        rest = if decoded.is_some() {
            &after[2..]
        } else {
            after
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_replaced_in_the_parameter_that_contains_it() {
        for (values, path, prefix, expected) in [
            (&["0/id/xhr"][..], "/c/0/id/xhr", "/c", &["0/-/xhr"][..]),
            (&["0/id/xhr/"], "/c/0/id/xhr/", "/c", &["0/-/xhr/"]),
            (&["0", "id/xhr"], "/c/0/id/xhr", "/c", &["0", "-/xhr"]),
            (&["0", "id", "xhr"], "/c/0/id/xhr", "/c", &["0", "-", "xhr"]),
            (&["i d"], "/c/0/i%20d/xhr", "/c", &["-"]),
            (&["0/a/b/xhr"], "/c/0/a%2fb/xhr", "/c", &["0/-/xhr"]),
            (&["id", "id"], "/c/id/id/xhr", "/c", &["id", "-"]),
            (
                &["id", "0/id/xhr"],
                "/id/0/id/xhr",
                "/id",
                &["id", "0/-/xhr"],
            ),
            (&["id", "0", "id"], "/id/0/id/xhr", "/id", &["id", "0", "-"]),
            // A tenant whose name the client chose as its id.
            (&["id"], "/t/id/0/id/xhr", "/t/id", &["id"]),
            (&["i%d"], "/t/i%25d/0/i%25d/xhr", "/t/i%25d", &["i%d"]),
            (&["other"], "/t/other/0/id/xhr", "/t/other", &["other"]),
            (&["xid/xhr"], "/c/0/id/xhr", "/c", &["xid/xhr"]),
            (&[], "/c/0/id/xhr", "/c", &[]),
        ] {
            let mut params: Vec<(String, String)> = values
                .iter()
                .map(|value| ("key".to_owned(), (*value).to_owned()))
                .collect();
            let changed = conceal(&mut params, path, prefix);
            let concealed: Vec<&str> = params.iter().map(|(_, value)| &**value).collect();
            assert_eq!(concealed, expected, "{path}");
            assert_eq!(changed, values != expected, "{path}");
        }
    }
}
