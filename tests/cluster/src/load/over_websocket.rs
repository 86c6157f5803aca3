use futures_util::{Sink, SinkExt, Stream, StreamExt};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{Client, Frame, Next, node};
use crate::log::{Kind, Leave, NodeId, Trouble};

/// Runs a session, until it is lost or the client leaves.
pub(super) async fn run(client: Client) {
    let url = format!("ws://127.0.0.1:{}{}", client.port, client.path("websocket"));
    let connected = async {
        let stream = TcpStream::connect(("127.0.0.1", client.port)).await?;
        stream.set_nodelay(true)?;
        client_async(url, stream).await
    };
    let (socket, response) = match connected.await {
        Ok(connected) => connected,
        Err(error) => {
            let (status, through) = match error {
                Error::Http(response) => {
                    let through = response.headers().get("x-server");
                    let through = node(through.and_then(|it| it.to_str().ok()));
                    (Some(response.status().as_u16()), through)
                }
                _ => (None, None),
            };
            return client.log(Kind::NotOpened(Trouble { status, through }));
        }
    };
    let owner = response.headers().get("x-server");
    let owner = node(owner.and_then(|it| it.to_str().ok()));
    let (writer, reader) = socket.split();
    tokio::select! {
        () = receive(&client, reader, owner) => {}
        () = send(&client, writer) => {}
    }
}

async fn receive(
    client: &Client,
    mut reader: impl Stream<Item = Result<Message, Error>> + Unpin,
    owner: Option<NodeId>,
) {
    while let Some(Ok(message)) = reader.next().await {
        let Message::Text(text) = message else {
            continue;
        };
        let frame = Frame::parse(&text).expect("the server speaks SockJS");
        if client.see(frame, owner) == Next::End {
            return;
        }
    }
    let (status, through) = (None, owner);
    let trouble = Trouble { status, through };
    if !client.is_open() {
        return client.log(Kind::NotOpened(trouble));
    }
    client.log(Kind::NotReceived(trouble));
    client.log(Kind::Left(Leave::CannotReceive));
}

async fn send(client: &Client, mut writer: impl Sink<Message, Error = Error> + Unpin) {
    let mut progress = client.progress.subscribe();
    // The sender lives as long as the client.
    let _ = progress.wait_for(|progress| progress.is_open).await;
    let mut number = 0;
    while client.pause().await {
        number += 1;
        client.log(Kind::Sent(number));
        let text = json!([client.text(number)]).to_string();
        if writer.send(Message::text(text)).await.is_err() {
            // The other half hears of it.
            return std::future::pending().await;
        }
        // Nothing tells when a WebSocket's message was taken. A session that lives takes all of them.
        client.log(Kind::Taken(number));
    }
    client.leave(number).await;
}
