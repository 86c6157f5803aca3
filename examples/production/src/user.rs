//! Who is asking: a cookie, a table, and a middleware that looks one up in the other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use uuid::Uuid;

use crate::cookie;

/// Who sent a request.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct User {
    pub(crate) id: Uuid,
    pub(crate) name: Arc<str>,
}

/// Users who are logged in, by the values of their cookies. It stands for your session store, which
/// also forgets them.
#[derive(Clone, Debug)]
pub(crate) struct Users {
    by_cookie: Arc<Mutex<HashMap<String, User>>>,
    attributes: &'static str,
}

impl Users {
    pub(crate) fn new(origins: &[String]) -> Self {
        let encrypted = origins.iter().all(|origin| origin.starts_with("https:"));
        Self {
            by_cookie: Arc::default(),
            attributes: if encrypted {
                "; Path=/; HttpOnly; SameSite=Lax; Secure"
            } else {
                "; Path=/; HttpOnly; SameSite=Lax"
            },
        }
    }

    fn find(&self, cookie: &str) -> Option<User> {
        self.lock().get(cookie).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, User>> {
        self.by_cookie
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Login {
    name: String,
}

/// `POST /login`: believes everybody. A page of another origin cannot send it JSON.
pub(crate) async fn log_in(
    State(users): State<Users>,
    Json(Login { name }): Json<Login>,
) -> Response {
    if name.is_empty() || name.len() > MAX_NAME_LEN {
        return (
            StatusCode::UNPROCESSABLE_ENTITY,
            "A name has 1 to 64 bytes.",
        )
            .into_response();
    }
    let cookie = Uuid::new_v4().to_string();
    let header = format!("{COOKIE}={cookie}{}", users.attributes);
    let header = HeaderValue::try_from(header).expect("visible ASCII");
    let user = User {
        id: Uuid::new_v4(),
        name: name.into(),
    };
    let mut by_cookie = users.lock();
    if by_cookie.len() >= MAX_USERS {
        return (StatusCode::SERVICE_UNAVAILABLE, "Too many users.").into_response();
    }
    by_cookie.insert(cookie, user);
    (StatusCode::NO_CONTENT, [(SET_COOKIE, header)]).into_response()
}

/// `GET /login`: 204 if the cookie is a user's, and otherwise 401.
///
/// Pages ask it before they reconnect, because the JavaScript client does not tell them with which
/// status a session was refused.
pub(crate) async fn is_logged_in(_: User) -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Reads the cookie of a request and tells who sent it, to handlers of routes and sessions alike.
///
/// Handlers of sessions do not see the cookie itself, unless origins are restricted. A middleware
/// always does, so that it must not be trusted without that either.
pub(crate) async fn identify(State(users): State<Users>, mut req: Request, next: Next) -> Response {
    let user = cookie::find(req.headers(), COOKIE).and_then(|cookie| users.find(cookie));
    if let Some(user) = user {
        req.extensions_mut().insert(user);
    }
    next.run(req).await
}

/// Nobody who is not logged in: a request for a session gets this answer, and there is none.
impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let user = parts.extensions.get().cloned();
        user.ok_or((StatusCode::UNAUTHORIZED, "Log in first."))
    }
}

const COOKIE: &str = "sid";

const MAX_NAME_LEN: usize = 64;
const MAX_USERS: usize = 10_000;
