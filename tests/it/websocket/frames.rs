//! Frames and payloads on an open WebSocket.

use futures_util::{SinkExt as _, StreamExt as _};
use support::{Frame, Opcode, Server, received, within};
use tokio_tungstenite::tungstenite::Message;

use super::{PATH, open, open_echo};

/// P34: Frames.
#[tokio::test]
async fn a_message_comes_back() {
    let (_server, mut socket) = open_echo(|layer| layer).await;

    socket.send_text(r#"["x"]"#).await;

    socket.expect(r#"a["x"]"#).await;
}

/// P34: Frames.
#[tokio::test]
async fn waiting_messages_share_one_frame() {
    let (_server, mut socket, session) = open(|layer| layer).await;

    for message in ["1", "2", "3"] {
        session.try_send(message).unwrap();
    }

    socket.expect(r#"a["1","2","3"]"#).await;
    session.try_send("4").unwrap();
    socket.expect(r#"a["4"]"#).await;
}

/// P36: Payloads.
#[tokio::test]
async fn an_array_is_as_many_messages() {
    let (_server, mut socket, mut session) = open(|layer| layer).await;

    socket.send_text(r#"["a","","b",  "c"]"#).await;
    socket.send_text(r#"["d"]"#).await;

    for message in ["a", "", "b", "c", "d"] {
        assert_eq!(received(&mut session).await, message);
    }
}

/// P36: Payloads.
#[tokio::test]
async fn a_single_string_is_a_message() {
    let (_server, mut socket, mut session) = open(|layer| layer).await;

    socket.send_text(r#""a""#).await;
    socket.send_text(r#""[\"b\"]""#).await;
    socket.send_text(r#""""#).await;
    socket.send_text(r#""c""#).await;

    for message in ["a", r#"["b"]"#, "", "c"] {
        assert_eq!(received(&mut session).await, message);
    }
}

#[tokio::test]
async fn white_space_around_a_payload_is_fine() {
    let (_server, mut socket, mut session) = open(|layer| layer).await;

    socket.send_text(" \t\r\n[ \"a\" , \"b\" ] \t\r\n").await;
    socket.send_text(" \t\r\n\"c\" \t\r\n").await;

    for message in ["a", "b", "c"] {
        assert_eq!(received(&mut session).await, message);
    }
}

/// P36: Payloads.
#[tokio::test]
async fn empty_frames_and_empty_arrays_are_ignored() {
    let (_server, mut socket, mut session) = open(|layer| layer).await;

    for nothing in ["", "[]", " [ ] "] {
        socket.send_text(nothing).await;
    }
    socket.send(Frame::new(Opcode::Binary, "")).await;
    socket.send_text(r#"["x"]"#).await;

    assert_eq!(received(&mut session).await, "x");
}

/// P36: Payloads.
#[tokio::test]
async fn a_binary_frame_of_text_counts_as_text() {
    let (_server, mut socket) = open_echo(|layer| layer).await;

    let payload = r#"["é€😀"]"#;
    socket.send(Frame::new(Opcode::Binary, payload)).await;

    socket.expect(r#"a["é€😀"]"#).await;
}

#[tokio::test]
async fn many_frames_in_one_segment_arrive_in_order() {
    let (_server, mut socket) = open_echo(|layer| layer).await;
    let numbers: Vec<_> = (0..1000).map(|n| n.to_string()).collect();

    let frames = numbers.iter().map(|n| Frame::text(format!("[\"{n}\"]")));
    let bytes: Vec<u8> = frames.flat_map(|frame| frame.masked()).collect();
    socket.write(bytes).await;

    assert_eq!(socket.messages(1000).await, numbers);
}

#[tokio::test]
async fn a_frame_may_arrive_byte_by_byte() {
    let (_server, mut socket) = open_echo(|layer| layer).await;

    for byte in Frame::text(r#"["x"]"#).masked() {
        socket.write([byte]).await;
        tokio::task::yield_now().await;
    }

    socket.expect(r#"a["x"]"#).await;
}

#[tokio::test]
async fn a_message_may_come_in_fragments() {
    let (_server, mut socket) = open_echo(|layer| layer).await;
    // The cut goes through a character.
    let (start, end) = (&b"[\"a\xf0\x9f"[..], &b"\x98\x80b\"]"[..]);

    for opcode in [Opcode::Text, Opcode::Binary] {
        let first = Frame::new(opcode, start).to_be_continued();
        socket.send(first).await;
        let empty = Frame::new(Opcode::Continuation, "").to_be_continued();
        socket.send(empty).await;
        socket.send(Frame::new(Opcode::Continuation, end)).await;
        socket.expect(r#"a["a😀b"]"#).await;
    }
}

#[tokio::test]
async fn a_ping_between_fragments_is_answered_at_once() {
    let (_server, mut socket) = open_echo(|layer| layer).await;

    socket.send(Frame::text(r#"["x"#).to_be_continued()).await;
    socket.send(Frame::new(Opcode::Ping, "payload")).await;
    let pong = socket.frame().await;
    socket.send(Frame::new(Opcode::Continuation, r#""]"#)).await;

    assert_eq!(pong, Frame::new(Opcode::Pong, "payload"));
    socket.expect(r#"a["x"]"#).await;
}

#[tokio::test]
async fn unsolicited_pongs_are_ignored() {
    let (_server, mut socket) = open_echo(|layer| layer).await;

    socket.send(Frame::new(Opcode::Pong, "payload")).await;
    socket.send_text(r#"["x"]"#).await;

    socket.expect(r#"a["x"]"#).await;
}

#[tokio::test]
async fn messages_of_every_length_come_back() {
    let (_server, mut socket) = open_echo(|layer| layer).await;

    // With five bytes of framing, these lengths are at the borders of the three forms of a length.
    for len in [0, 120, 121, 122, 65_530, 65_531, 65_532, 1_000_000] {
        let message = "x".repeat(len);
        socket.send_text(format!("[\"{message}\"]")).await;
        socket.expect(&format!("a[\"{message}\"]")).await;
    }
}

#[tokio::test]
async fn a_message_of_lone_surrogates_arrives_with_replacements() {
    let (_server, mut socket, mut session) = open(|layer| layer).await;

    socket
        .send_text(r#"["\ud800","a\udc00b","\ud83d\ude00"]"#)
        .await;
    socket.send_text(r#""\udc00\ud800""#).await;

    for message in ["\u{fffd}", "a\u{fffd}b", "😀", "\u{fffd}\u{fffd}"] {
        assert_eq!(received(&mut session).await, message);
    }
}

#[tokio::test]
async fn escapes_of_a_client_are_decoded() {
    let (_server, mut socket, mut session) = open(|layer| layer).await;

    socket
        .send_text(r#"["\"\\\/\b\f\n\r\t\u0000\u00e9\u20AC"]"#)
        .await;

    let message = received(&mut session).await;
    assert_eq!(message, "\"\\/\u{8}\u{c}\n\r\t\0é€");
}

#[tokio::test]
async fn characters_that_do_not_survive_everywhere_are_escaped() {
    let (_server, mut socket, session) = open(|layer| layer).await;
    let cases = [
        ("\u{0}\u{1f}\u{b}", r"\u0000\u001f\u000b"),
        (
            "\u{200b}\u{200c}\u{200f}\u{2010}",
            "\u{200b}\\u200c\\u200f\u{2010}",
        ),
        (
            "\u{2027}\u{2028}\u{202f}\u{2030}",
            "\u{2027}\\u2028\\u202f\u{2030}",
        ),
        (
            "\u{205f}\u{2060}\u{206f}\u{2070}",
            "\u{205f}\\u2060\\u206f\u{2070}",
        ),
        ("\u{ffef}\u{fff0}\u{ffff}", "\u{ffef}\\ufff0\\uffff"),
        ("\"\\/é€😀</script>", r#"\"\\/é€😀</script>"#),
    ];

    for (message, escaped) in cases {
        session.try_send(message).unwrap();
        socket.expect(&format!("a[\"{escaped}\"]")).await;
    }
}

#[tokio::test]
async fn a_client_library_is_served() {
    let server = Server::echo(|layer| layer).await;
    let url = format!("ws://{}{PATH}", server.addr());

    let connect = tokio_tungstenite::connect_async(url);
    let (mut socket, _) = within("a WebSocket", connect).await.unwrap();
    let mut frames = Vec::new();
    socket.send(Message::text(r#"["x"]"#)).await.unwrap();
    frames.push(within("a frame", socket.next()).await);
    frames.push(within("a frame", socket.next()).await);
    socket.close(None).await.unwrap();
    frames.push(within("a frame", socket.next()).await);
    let end = within("the end", socket.next()).await;

    let frames = frames.into_iter().map(|it| it.unwrap().unwrap());
    let expected = [
        Message::text("o"),
        Message::text(r#"a["x"]"#),
        Message::Close(None),
    ];
    assert_eq!(frames.collect::<Vec<_>>(), expected);
    assert!(end.is_none(), "{end:?}");
}
