use std::time::Duration;

use axum::extract::State;
use sockjs_axum::{Receiver, Sender, Session};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::Chat;
use crate::login::Guest;
use crate::name::Name;
use crate::protocol::{Event, Goodbye, Hello, Say};

/// Serves a session.
pub(crate) async fn talk(State(chat): State<Chat>, session: Session) {
    let (sender, mut receiver) = session.split();
    if let Err(Goodbye { code, reason }) = serve(&chat, &sender, &mut receiver).await {
        sender.close(code, reason);
    }
}

async fn serve(chat: &Chat, sender: &Sender, receiver: &mut Receiver) -> Result<(), Goodbye> {
    let Some((guest, room)) = welcome(chat, receiver).await? else {
        return Ok(());
    };
    let seat = chat
        .rooms
        .enter(room, guest.nickname.clone(), sender.session_ref().clone())?;

    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while let Some(message) = receiver.recv().await {
        let Ok(Say { text }) = message.json() else {
            return Err(Goodbye::NOT_UNDERSTOOD);
        };
        match text.trim() {
            "" => {}
            text if text.chars().count() > MAX_TEXT_LEN => {
                let reason = "A message has at most 1000 characters.";
                // If the session is over, the next `recv` says so.
                let _ = sender.send_json(&Event::Refused { reason }).await;
            }
            text => seat.say(text),
        }
        // What comes faster waits: in the session's receive buffer, and when that is full, at the
        // client.
        pace.tick().await;
    }
    Ok(())
}

/// Waits until the client has said who it is and where it wants to go; `None` if it went away.
async fn welcome(chat: &Chat, receiver: &mut Receiver) -> Result<Option<(Guest, Name)>, Goodbye> {
    let first = timeout(HELLO_TIMEOUT, receiver.recv()).await;
    let Some(first) = first.map_err(|_| Goodbye::LOG_IN_FIRST)? else {
        return Ok(None);
    };
    let Ok(Hello { token, room }) = first.json() else {
        return Err(Goodbye::LOG_IN_FIRST);
    };
    let guest = chat.logins.admit(token).ok_or(Goodbye::LOG_IN_FIRST)?;
    let room = Name::try_from(room).map_err(|_| Goodbye::NOT_UNDERSTOOD)?;
    Ok(Some((guest, room)))
}

/// How long a session may take to say who it is.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// How often one session is heard.
const PACE: Duration = Duration::from_millis(200);

const MAX_TEXT_LEN: usize = 1000;
