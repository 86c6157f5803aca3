//! Who may chat. `POST /login` hands out a token for a nickname, and a session sends it first.
//!
//! A cookie would not do: any page can make a browser open a session here, and the browser would
//! send the cookie along. It cannot make the browser say a token that only our page knows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use crate::Chat;
use crate::name::Name;

/// Those who are logged in, by their tokens. A nickname is one login's as long as that lasts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Logins(Arc<Mutex<HashMap<String, Login>>>);

#[derive(Debug)]
struct Login {
    nickname: Name,
    sessions: usize,
    /// When the last session ended, or the token was handed out.
    idle_since: Instant,
}

impl Logins {
    pub(crate) fn log_in(&self, nickname: Name) -> Result<String, Denied> {
        let mut logins = self.lock();
        logins.retain(|_, login| login.sessions > 0 || login.idle_since.elapsed() < MAX_IDLE);
        if logins.values().any(|login| login.nickname == nickname) {
            return Err(Denied::NicknameTaken);
        }
        if logins.len() >= MAX_LOGINS {
            return Err(Denied::TooMany);
        }
        // 122 bits from the operating system's random number generator.
        let token = Uuid::new_v4().to_string();
        let login = Login {
            nickname,
            sessions: 0,
            idle_since: Instant::now(),
        };
        logins.insert(token.clone(), login);
        Ok(token)
    }

    /// Lets a session in that knows a token.
    pub(crate) fn admit(&self, token: String) -> Option<Guest> {
        let nickname = {
            let mut logins = self.lock();
            let login = logins.get_mut(&token)?;
            login.sessions += 1;
            login.nickname.clone()
        };
        Some(Guest {
            nickname,
            token,
            logins: self.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Login>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that was let in. Its login lasts at least as long.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) nickname: Name,
    token: String,
    logins: Logins,
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Some(login) = self.logins.lock().get_mut(&self.token) {
            login.sessions -= 1;
            login.idle_since = Instant::now();
        }
    }
}

/// Why there is no token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Denied {
    NicknameTaken,
    TooMany,
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        match self {
            Self::NicknameTaken => (StatusCode::CONFLICT, "This nickname is taken."),
            Self::TooMany => (StatusCode::SERVICE_UNAVAILABLE, "Too many people are here."),
        }
        .into_response()
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Application {
    nickname: Name,
}

#[derive(Debug, Serialize)]
pub(crate) struct Grant {
    token: String,
}

/// `POST /login`
pub(crate) async fn log_in(
    State(chat): State<Chat>,
    Json(Application { nickname }): Json<Application>,
) -> Result<Json<Grant>, Denied> {
    let token = chat.logins.log_in(nickname)?;
    Ok(Json(Grant { token }))
}

/// How long a token stays good without a session: a page has to find back from a bad network.
const MAX_IDLE: Duration = Duration::from_secs(120);

const MAX_LOGINS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::try_from(text.to_owned()).expect("a good name")
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_lasts_as_long_as_its_sessions_and_a_while_longer() {
        let logins = Logins::default();
        let token = logins.log_in(name("Ann")).expect("the name is free");
        assert_eq!(logins.log_in(name("Ann")), Err(Denied::NicknameTaken));

        let guest = logins.admit(token.clone()).expect("the token is good");
        tokio::time::advance(MAX_IDLE * 2).await;
        assert_eq!(logins.log_in(name("Ann")), Err(Denied::NicknameTaken));

        drop(guest);
        tokio::time::advance(MAX_IDLE / 2).await;
        drop(logins.admit(token.clone()).expect("the token is good"));

        tokio::time::advance(MAX_IDLE).await;
        assert!(logins.log_in(name("Ann")).is_ok());
        assert!(logins.admit(token).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn logins_are_limited() {
        let logins = Logins::default();
        for n in 0..MAX_LOGINS {
            assert!(logins.log_in(name(&n.to_string())).is_ok());
        }
        assert_eq!(logins.log_in(name("Ann")), Err(Denied::TooMany));
        tokio::time::advance(MAX_IDLE).await;
        assert!(logins.log_in(name("Ann")).is_ok());
    }
}
