use sockjs_axum::Session;

use crate::user::User;

/// Greets the user, and sends back what it is sent. It runs in the span of its session.
pub(crate) async fn live(user: User, mut session: Session) {
    tracing::info!(user = %user.id, "hello");
    let greeting = format!("Hello {} over {}!", user.name, session.transport());
    if session.send(greeting).await.is_err() {
        return;
    }
    while let Some(message) = session.recv().await {
        if session.send(message).await.is_err() {
            break;
        }
    }
    let ending = session.closed().await;
    tracing::info!(user = %user.id, cause = ending.cause().as_str(), "goodbye");
}
