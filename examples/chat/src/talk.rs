use std::time::Duration;

use axum::extract::State;
use sockjs_axum::Session;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::Chat;
use crate::login::Guest;
use crate::name::Name;
use crate::protocol::{Event, Goodbye, Hello, Say};
use crate::rooms::Room;

/// Serves a session.
pub(crate) async fn talk(State(chat): State<Chat>, mut session: Session) {
    if let Err(Goodbye { code, reason }) = serve(&chat, &mut session).await {
        session.close(code, reason);
    }
}

async fn serve(chat: &Chat, session: &mut Session) -> Result<(), Goodbye> {
    let Some((guest, room)) = welcome(chat, session).await? else {
        return Ok(());
    };
    let room = chat.rooms.find(room)?;
    room.enter(&guest.nickname, session.session_ref()).await;
    let end = listen(&room, &guest.nickname, session).await;
    room.leave(&guest.nickname, session.session_ref()).await;
    end
}

/// Passes on what a member says, until the member goes away or says what nobody understands.
async fn listen(room: &Room, nickname: &Name, session: &mut Session) -> Result<(), Goodbye> {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while let Some(message) = session.recv().await {
        let Ok(Say { text }) = message.json() else {
            return Err(Goodbye::NOT_UNDERSTOOD);
        };
        match text.trim() {
            "" => {}
            text if text.chars().count() > MAX_TEXT_LEN => {
                let reason = "A message has at most 1000 characters.";
                // If the session is over, the next `recv` says so.
                let _ = session.send_json(&Event::Refused { reason }).await;
            }
            text => room.say(nickname, text, session.session_ref()).await,
        }
        // What comes faster waits: in the session's receive buffer, and when that is full, at the
        // client.
        pace.tick().await;
    }
    Ok(())
}

/// Waits until the client has said who it is and where it wants to go; `None` if it went away.
async fn welcome(chat: &Chat, session: &mut Session) -> Result<Option<(Guest, Name)>, Goodbye> {
    let first = timeout(HELLO_TIMEOUT, session.recv()).await;
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
