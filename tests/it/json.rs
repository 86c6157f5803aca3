//! Values as messages.

use std::{
    collections::{BTreeMap, HashMap},
    future::{Future as _, poll_fn},
    pin::pin,
    task::Poll,
};

use serde_json::{Value, json};
use sockjs_axum::{Message, SendJsonError, Session};
use support::{Opening, Server, Wire, received, within};

#[tokio::test]
async fn a_value_is_sent_as_its_json() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let mut client = server.peer().receiver(Wire::XhrStreaming);
    client.expect("o").await;
    let session = sessions.next().await;

    let sent = async |session: &Session| -> Result<(), SendJsonError> {
        session
            .send_json(&json!({"user": "zoë", "n": [1, 2.5, null]}))
            .await?;
        session.send_json(&("tuple", 1, true)).await?;
        session.send_json(&BTreeMap::from([("a", 1)])).await?;
        session.send_json("text").await?;
        session.send_json(&()).await
    };
    sent(&session).await.expect("the session is open");

    assert_eq!(
        client.messages(5).await,
        [
            r#"{"n":[1,2.5,null],"user":"zoë"}"#,
            r#"["tuple",1,true]"#,
            r#"{"a":1}"#,
            r#""text""#,
            "null",
        ]
    );
}

#[tokio::test]
async fn a_message_is_parsed_into_a_value() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let mut session = sessions.next().await;

    peer.send(json!([r#"{"n":1}"#, "[1,\"a\"]", " 7 ", "{", "", "{} {}", "-1"]).to_string())
        .await;
    let mut next = async || Message::from(received(&mut session).await);

    let object: HashMap<String, u32> = next().await.json().expect("an object");
    assert_eq!(object["n"], 1);
    let pair: (u8, String) = next().await.json().expect("an array");
    assert_eq!(pair, (1, "a".to_owned()));
    assert_eq!(next().await.json::<u8>().expect("a number"), 7);
    for broken in ["{", "", "{} {}"] {
        let message = next().await;
        assert_eq!(message, *broken);
        message.json::<Value>().expect_err("it is no JSON");
        assert_eq!(message, *broken, "the message is still there");
    }
    let negative = next().await;
    negative.json::<u8>().expect_err("it does not fit");
    assert_eq!(negative.json::<i8>().expect("a number"), -1);
}

#[tokio::test]
async fn json_values_are_echoed_over_every_transport() {
    let handler = async |mut session: Session| {
        while let Some(message) = session.recv().await {
            let value: Value = message.json().expect("a value");
            let answer = json!({"you said": value});
            if session.send_json(&answer).await.is_err() {
                break;
            }
        }
    };
    let server = Server::echo(|layer| layer.on_session(handler)).await;
    // What is special in JSON, in JavaScript, in HTML, in a URI, and in SockJS.
    let value = json!({"q\"\\/": ["\u{0}\n\u{1f}", "</script><!--", "%41", "\u{2028}\u{fff0}𝄞"]});
    let answer = json!({"you said": value}).to_string();
    let payload = json!([value.to_string()]).to_string();

    for wire in Wire::ALL {
        let peer = server.peer();
        let mut receiver = peer.receiver(wire);
        receiver.expect("o").await;
        peer.send(&payload).await;
        assert_eq!(receiver.messages(1).await, [&*answer], "{wire:?}");
    }
    let path = Opening::WebSocket.path("/echo/000/abc");
    let mut socket = server.websocket(&path).open().await;
    socket.expect("o").await;
    socket.send_text(&payload).await;
    assert_eq!(socket.messages(1).await, [&*answer]);
    let path = Opening::RawWebSocket.path("/echo/000/abc");
    let mut socket = server.websocket(&path).open().await;
    socket.send_text(value.to_string()).await;
    assert_eq!(socket.text().await, answer);
}

#[tokio::test]
async fn one_value_goes_to_many_sessions() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let message = Message::from_json(&json!(["to", "all"])).expect("a value");
    assert_eq!(&*message, r#"["to","all"]"#);

    for _ in 0..3 {
        let mut client = server.peer().receiver(Wire::EventSource);
        client.expect("o").await;
        let (sender, _receiver) = sessions.next().await.split();
        sender.send(message.clone()).await.expect("it is open");
        sender.send_json(&1).await.expect("it is open");
        assert_eq!(client.messages(2).await, [r#"["to","all"]"#, "1"]);
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_json_is_an_error_and_nothing_is_sent() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let mut client = server.peer().receiver(Wire::XhrStreaming);
    client.expect("o").await;
    let session = sessions.next().await;

    // JSON's keys are strings.
    let keyed_by_pairs = BTreeMap::from([((1, 2), 3)]);
    let error = session.send_json(&keyed_by_pairs).await;
    assert!(matches!(error, Err(SendJsonError::Json(_))), "{error:?}");
    Message::from_json(&keyed_by_pairs).expect_err("it is no JSON");

    session.send_json(&1).await.expect("the session is open");
    client.expect(r#"a["1"]"#).await;
}

#[tokio::test]
async fn a_closed_session_accepts_no_value() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let mut client = server.peer().receiver(Wire::XhrStreaming);
    client.expect("o").await;
    let session = sessions.next().await;
    session.close(3000, "Go away!");

    let error = session.send_json(&1).await;
    assert!(matches!(error, Err(SendJsonError::Closed)), "{error:?}");
    within("the end", session.closed()).await;
    let error = session.send_json(&1).await;
    assert!(matches!(error, Err(SendJsonError::Closed)), "{error:?}");
}

#[tokio::test]
async fn a_value_waits_for_room_as_a_message_does() {
    let (server, mut sessions) = Server::capture(|layer| layer.send_buffer(100)).await;
    let peer = server.peer();
    peer.open().await;
    let session = sessions.next().await;
    let long = "x".repeat(100);
    session.send_json(&long).await.expect("there is room");

    let mut second = pin!(session.send_json(&2));
    let waits = poll_fn(|cx| Poll::Ready(second.as_mut().poll(cx).is_pending()));
    assert!(waits.await, "there is no room");

    assert_eq!(peer.poll().await, format!("a[\"\\\"{long}\\\"\"]\n"));
    within("room", second).await.expect("the session is open");
    assert_eq!(peer.poll().await, "a[\"2\"]\n");
}
