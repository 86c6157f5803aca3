use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::wire::Decoder;
use super::{Client, Next, node};
use crate::http;
use crate::log::{Kind, Leave, Trouble};

/// Runs a session, until it is lost or the client leaves.
pub(super) async fn run(client: Client) {
    tokio::select! {
        () = receive(&client) => {}
        () = send(&client) => {}
    }
}

/// Receives until the session is closed.
///
/// A client whose response broke off asks again. A browser's EventSource does that, and it is the harder
/// test: whatever was lost must not be followed by more messages.
async fn receive(client: &Client) {
    let mut failing_since: Option<Instant> = None;
    loop {
        let trouble = match ask(client).await {
            Ok(Next::End) => return,
            Ok(Next::GoOn) => {
                failing_since = None;
                continue;
            }
            Err(trouble) => trouble,
        };
        if !client.is_open() {
            return client.log(Kind::NotOpened(trouble));
        }
        client.log(Kind::NotReceived(trouble));
        if failing_since.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
            return client.log(Kind::Left(Leave::CannotReceive));
        }
        sleep(RETRY).await;
    }
}

/// Sends one receive request.
async fn ask(client: &Client) -> Result<Next, Trouble> {
    client.log(Kind::Asked);
    let (method, end) = client.plan.transport.receive();
    let response = http::request(client.port, method, &client.path(&end), "").await;
    let mut response = response.map_err(|_| NO_ANSWER)?;
    let through = node(response.header("x-server"));
    client.log(Kind::Answered(through));
    let status = Some(response.status);
    let trouble = Trouble { status, through };
    if response.status != 200 {
        return Err(trouble);
    }
    let mut decoder = Decoder::new(client.plan.transport);
    while let Some(bytes) = response.next().await.map_err(|_| trouble)? {
        let frames = decoder.decode(&bytes).expect("the server speaks SockJS");
        for frame in frames {
            if client.see(frame, through) == Next::End {
                return Ok(Next::End);
            }
        }
    }
    Ok(Next::GoOn)
}

async fn send(client: &Client) {
    let mut progress = client.progress.subscribe();
    // The sender lives as long as the client.
    let _ = progress.wait_for(|progress| progress.is_open).await;
    let (end, success) = client.plan.transport.send();
    let path = client.path(end);
    let mut number = 0;
    while client.pause().await {
        number += 1;
        client.log(Kind::Sent(number));
        let body = json!([client.text(number)]).to_string();
        let trouble = match http::request(client.port, "POST", &path, &body).await {
            Ok(response) if response.status == success => {
                client.log(Kind::Taken(number));
                continue;
            }
            Ok(response) => Trouble {
                status: Some(response.status),
                through: node(response.header("x-server")),
            },
            Err(_) => NO_ANSWER,
        };
        client.log(Kind::NotTaken(number, trouble));
        // A session that is over still has its close frame.
        sleep(if trouble.status == Some(404) {
            PATIENCE
        } else {
            RETRY
        })
        .await;
        return client.log(Kind::Left(Leave::CannotSend));
    }
    client.leave(number).await;
}

const NO_ANSWER: Trouble = Trouble {
    status: None,
    through: None,
};

const RETRY: Duration = Duration::from_millis(100);

/// For how long a client goes on asking.
const PATIENCE: Duration = Duration::from_secs(20);
