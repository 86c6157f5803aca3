//! What each mount does with a session.

use std::time::Duration;

use axum::extract::State;
use sockjs_axum::{SendError, Session};
use tokio::time::{Instant, MissedTickBehavior};

use crate::room::Room;
use crate::stats::Held;

const TICK: Duration = Duration::from_secs(1);

pub(crate) async fn echo(held: Held, mut session: Session) -> Result<(), SendError> {
    held.follow(&session);
    while let Some(message) = session.recv().await {
        session.send(message).await?;
    }
    Ok(())
}

pub(crate) async fn close(held: Held, session: Session) {
    held.follow(&session);
    session.close(3000, "Go away!");
}

pub(crate) async fn ticker(held: Held, mut session: Session) -> Result<(), SendError> {
    held.follow(&session);
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

pub(crate) async fn amplify(held: Held, mut session: Session) -> Result<(), SendError> {
    held.follow(&session);
    while let Some(message) = session.recv().await {
        let power = match message.trim().parse::<f64>() {
            Ok(number) if (1.0..19.0).contains(&number) => number as u32,
            _ => 1,
        };
        session.send("x".repeat(1 << power)).await?;
    }
    Ok(())
}

pub(crate) async fn broadcast(held: Held, State(room): State<Room>, mut session: Session) {
    held.follow(&session);
    while let Some(message) = session.recv().await {
        room.say(message).await;
    }
}
