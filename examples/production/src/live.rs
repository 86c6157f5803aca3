use sockjs_axum::{SendError, Session};

use crate::user::User;

/// Greets the user, and sends back what it is sent. It runs in the span of its session.
pub(crate) async fn live(user: User, mut session: Session) {
    tracing::info!(user = %user.id, "hello");
    // It fails only when the session is over, and how that came is logged below.
    let _ = talk(&user, &mut session).await;
    let ending = session.closed().await;
    tracing::info!(user = %user.id, cause = ending.cause().as_str(), "goodbye");
}

async fn talk(user: &User, session: &mut Session) -> Result<(), SendError> {
    let greeting = format!("Hello {} over {}!", user.name, session.transport());
    session.send(greeting).await?;
    while let Some(message) = session.recv().await {
        session.send(message).await?;
    }
    Ok(())
}
