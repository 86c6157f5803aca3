//! What each mount does with a session.

use std::time::Duration;

use axum::extract::State;
use sockjs_axum::{SendError, Session};
use tokio::time::{Instant, MissedTickBehavior};

use crate::room::{Room, Seat};
use crate::stats::Held;

const TICK: Duration = Duration::from_secs(1);

pub(crate) async fn echo(_held: Held, mut session: Session) -> Result<(), SendError> {
    while let Some(message) = session.recv().await {
        session.send(message).await?;
    }
    Ok(())
}

pub(crate) async fn close(_held: Held, session: Session) {
    session.close(3000, "Go away!");
}

pub(crate) async fn ticker(_held: Held, mut session: Session) -> Result<(), SendError> {
    let mut ticks = tokio::time::interval_at(Instant::now() + TICK, TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => session.send("tick!").await?,
            // Nobody listens, but messages left unread would hold the client back.
            message = session.recv() => {
                if message.is_none() {
                    return Ok(());
                }
            }
        }
    }
}

pub(crate) async fn amplify(_held: Held, mut session: Session) -> Result<(), SendError> {
    while let Some(message) = session.recv().await {
        let power = match message.trim().parse::<f64>() {
            Ok(number) if (1.0..19.0).contains(&number) => number as u32,
            _ => 1,
        };
        session.send("x".repeat(1 << power)).await?;
    }
    Ok(())
}

/// Hands everything said in the room to everyone in it.
///
/// Each hears and speaks at the same time: were they to take turns, two that speak without pause
/// would wait for each other to listen.
pub(crate) async fn broadcast(
    _held: Held,
    State(room): State<Room>,
    mut seat: Seat,
    session: Session,
) {
    let (sender, mut receiver) = session.split();
    let hear = async {
        while let Some(message) = seat.hear().await {
            if sender.send(message).await.is_err() {
                return;
            }
        }
        sender.close(4000, "Too slow");
    };
    let speak = async {
        while let Some(message) = receiver.recv().await {
            room.say(message).await;
        }
    };
    tokio::select! {
        () = hear => {}
        () = speak => {}
    }
}
