//! Channels as a client sees them, without sockets: the clock stands still while anything is left to do, and
//! then jumps to the next timer.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use sockjs_axum::{Session, SockJsLayer};
use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, timeout};

use crate::{Channel, ChannelClosed, ChannelSender, Multiplex, TrySendChannelError};

/// One session.
struct Client(sockjs_client::Client);

impl Client {
    async fn open(multiplex: Multiplex) -> Self {
        let layer = SockJsLayer::new("/")
            .on_session(move |session: Session| multiplex.clone().serve(session));
        let client = sockjs_client::Client::over(layer.into_service(), "/");
        Self(client.connect().await.expect("the session opens"))
    }

    async fn send(&self, message: &str) {
        let sent = self.0.send(message).await;
        sent.expect("the session is open");
    }

    async fn next(&mut self) -> String {
        let message = self.0.recv().await;
        message.expect("the session is open").into_string()
    }
}

async fn echo(mut channel: Channel) -> Result<(), ChannelClosed> {
    while let Some(text) = channel.recv().await {
        let text = format!("{}: {text}", channel.name());
        channel.send(text).await?;
    }
    Ok(())
}

/// Never receives.
async fn stuck(channel: Channel) {
    pending::<()>().await;
    drop(channel);
}

#[tokio::test(start_paused = true)]
async fn channels_are_apart() {
    let multiplex = Multiplex::new().channel("ann", echo).channel("bob", echo);
    let mut client = Client::open(multiplex).await;
    client.send("msg,ann,nobody hears this").await;
    client.send("sub,ann").await;
    client.send("sub,bob").await;
    client.send("msg,bob,a,b").await;
    assert_eq!(client.next().await, "msg,bob,bob: a,b");
    client.send("msg,ann,").await;
    assert_eq!(client.next().await, "msg,ann,ann: ");
}

#[tokio::test(start_paused = true)]
async fn two_objects_of_the_client_share_a_channel() {
    let (multiplex, mut opened) = observed();
    let client = Client::open(multiplex).await;
    client.send("sub,ann").await;
    client.send("sub,ann").await;
    client.send("msg,ann,x").await;
    let mut channel = opened.recv().await.expect("a channel");
    assert_eq!(channel.recv().await.as_deref(), Some("x"));
    assert!(opened.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn names_are_escaped() {
    let mut client = Client::open(Multiplex::new().channel("grün, 日", echo)).await;
    client.send("sub,gr%FCn%2C%20%u65E5").await;
    client.send("msg,gr%FCn%2C%20%u65E5,x").await;
    assert_eq!(client.next().await, "msg,gr%FCn%2C%20%u65E5,grün, 日: x");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_channel_is_closed_at_once() {
    let mut client = Client::open(Multiplex::new().channel("ann", echo)).await;
    client.send("sub,carl").await;
    assert_eq!(client.next().await, "uns,carl");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_ends_or_panics_closes_its_channel_alone() {
    let multiplex = Multiplex::new()
        .channel("ann", echo)
        .channel("short", async |channel: Channel| {
            let _ = channel.send("bye").await;
        })
        .channel("fails", async |_channel: Channel| Err("on purpose"))
        .channel("broken", async |_channel: Channel| -> () {
            panic!("on purpose")
        });
    let mut client = Client::open(multiplex).await;
    client.send("sub,ann").await;
    client.send("sub,short").await;
    assert_eq!(client.next().await, "msg,short,bye");
    assert_eq!(client.next().await, "uns,short");
    for name in ["fails", "broken"] {
        client.send(&format!("sub,{name}")).await;
        assert_eq!(client.next().await, format!("uns,{name}"));
    }
    client.send("sub,short").await;
    assert_eq!(client.next().await, "msg,short,bye");
    assert_eq!(client.next().await, "uns,short");
    client.send("msg,ann,hello").await;
    assert_eq!(client.next().await, "msg,ann,ann: hello");
}

/// A channel whose handler passes everything to the test.
fn observed() -> (Multiplex, mpsc::UnboundedReceiver<Channel>) {
    let (channels, opened) = mpsc::unbounded_channel();
    let multiplex = Multiplex::new()
        .channel("ann", move |channel| {
            let _ = channels.send(channel);
            std::future::ready(())
        })
        .channel("stuck", stuck);
    (multiplex, opened)
}

#[tokio::test(start_paused = true)]
async fn the_clients_close_ends_the_channel_without_an_answer() {
    let (multiplex, mut opened) = observed();
    let mut client = Client::open(multiplex.channel("bob", echo)).await;
    client.send("sub,bob").await;
    client.send("sub,ann").await;
    client.send("msg,ann,last").await;
    client.send("uns,ann").await;
    let mut first = opened.recv().await.expect("a channel");
    assert_eq!(first.recv().await.as_deref(), Some("last"));
    assert_eq!(first.recv().await, None);
    assert_eq!(first.send("late").await, Err(ChannelClosed));

    // The end of the first channel does not touch the second one of that name.
    client.send("sub,ann").await;
    let second = opened.recv().await.expect("another channel");
    let sender: ChannelSender = first.sender();
    assert_eq!(sender.try_send("late"), Err(TrySendChannelError::Closed));
    drop(first);
    assert_eq!(second.send("hello").await, Ok(()));
    assert_eq!(client.next().await, "msg,ann,hello");
    client.send("msg,bob,x").await;
    assert_eq!(client.next().await, "msg,bob,bob: x");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_session_ends_its_channels() {
    let (multiplex, mut opened) = observed();
    let client = Client::open(multiplex).await;
    client.send("sub,ann").await;
    client.send("msg,ann,last").await;
    let mut channel = opened.recv().await.expect("a channel");
    assert_eq!(channel.recv().await.as_deref(), Some("last"));
    drop(client);
    assert_eq!(channel.recv().await, None);
    assert_eq!(channel.send("late").await, Err(ChannelClosed));
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_does_not_keep_up_is_closed_and_holds_up_no_other() {
    let multiplex = Multiplex::new()
        .channel("ann", echo)
        .channel("stuck", stuck)
        .queue_size(1024);
    let mut client = Client::open(multiplex).await;
    client.send("sub,ann").await;
    client.send("sub,stuck").await;
    let text = "x".repeat(192);
    for _ in 0..4 {
        client.send(&format!("msg,stuck,{text}")).await;
        client.send("msg,ann,y").await;
        assert_eq!(client.next().await, "msg,ann,ann: y");
    }
    client.send("msg,stuck,").await;
    assert_eq!(client.next().await, "uns,stuck");
    client.send(&format!("msg,stuck,{text}")).await;
    client.send("msg,ann,y").await;
    assert_eq!(client.next().await, "msg,ann,ann: y");
}

#[tokio::test(start_paused = true)]
async fn an_empty_queue_accepts_a_message_of_any_length() {
    let multiplex = Multiplex::new().channel("ann", echo).queue_size(1);
    let mut client = Client::open(multiplex).await;
    client.send("sub,ann").await;
    let text = "x".repeat(1000);
    for _ in 0..3 {
        client.send(&format!("msg,ann,{text}")).await;
        assert_eq!(client.next().await, format!("msg,ann,ann: {text}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_has_a_limited_number_of_channels() {
    let (multiplex, mut opened) = observed();
    let mut client = Client::open(multiplex.max_channels(2).channel("bob", echo)).await;
    client.send("sub,stuck").await;
    client.send("sub,ann").await;
    let channel = opened.recv().await.expect("a channel");
    client.send("sub,bob").await;
    assert_eq!(client.next().await, "uns,bob");

    // Its handler is still there.
    client.send("uns,stuck").await;
    client.send("sub,bob").await;
    assert_eq!(client.next().await, "uns,bob");

    drop(channel);
    assert_eq!(client.next().await, "uns,ann");
    client.send("sub,bob").await;
    client.send("msg,bob,x").await;
    assert_eq!(client.next().await, "msg,bob,bob: x");
}

#[tokio::test(start_paused = true)]
async fn a_handler_counts_until_it_has_returned() {
    let multiplex = Multiplex::new()
        .max_channels(1)
        .channel("ann", async |channel: Channel| {
            drop(channel);
            pending::<()>().await
        });
    let mut client = Client::open(multiplex.channel("bob", echo)).await;
    client.send("sub,ann").await;
    assert_eq!(client.next().await, "uns,ann");
    client.send("sub,bob").await;
    assert_eq!(client.next().await, "uns,bob");
}

#[tokio::test(start_paused = true)]
async fn other_messages_close_the_session() {
    for message in ["hello", "", "pub,ann,x"] {
        let client = Client::open(Multiplex::new().channel("ann", echo)).await;
        client.send(message).await;
        let reason = client.0.closed().await;
        assert_eq!((reason.code(), reason.reason()), (4400, "Not understood"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_lasts_until_its_handlers_have_returned() {
    let done = Arc::new(Notify::new());
    let notify = done.clone();
    let multiplex = Multiplex::new().channel("ann", move |mut channel: Channel| {
        let notify = notify.clone();
        async move {
            while channel.recv().await.is_some() {}
            sleep(Duration::from_secs(60)).await;
            notify.notify_one();
        }
    });
    let client = Client::open(multiplex).await;
    client.send("sub,ann").await;
    client.0.close().await;
    let done = timeout(Duration::from_secs(120), done.notified()).await;
    assert!(done.is_ok(), "the handler was dropped");
}
