//! Input that ends a connection at once, because a client must not send it.

use sockjs_axum::{Cause, SockJsLayer};
use support::{Frame, Opcode, received, within};

use super::{assert_ended, open};

/// Sends a valid message and then the broken frames, and asserts that the connection ends with
/// nothing but a WebSocket close frame.
async fn assert_closed(bytes: &[u8], cause: Cause, code: u16, reason: &str) {
    let (_server, mut socket, mut session) = open(|layer: SockJsLayer| layer).await;

    socket.send_text(r#"["before"]"#).await;
    socket.write(bytes).await;

    socket.expect_close(code, reason).await;
    socket.send(Frame::close(code, "")).await;
    socket.half_close().await;
    socket.ended().await;
    assert_ended(&session, cause, code, reason).await;
    assert_eq!(received(&mut session).await, "before");
    assert_eq!(within("the end", session.recv()).await, None);
}

async fn assert_broken(bytes: &[u8]) {
    assert_closed(bytes, Cause::ProtocolError, 1007, "Broken framing.").await;
}

async fn assert_violation(bytes: &[u8]) {
    assert_closed(bytes, Cause::ProtocolError, 1002, "Protocol error").await;
}

/// P37: Broken payloads.
#[tokio::test]
async fn broken_json_ends_the_connection_without_a_c_frame() {
    for text in [
        "[",
        r#"["a"#,
        r#"["a""#,
        r#"["a","#,
        r#"["a",]"#,
        r#"[,"a"]"#,
        r#"["a" "b"]"#,
        r#"["a"]x"#,
        r#"["a"]["b"]"#,
        r#""a""b""#,
        r#""a"#,
        r#"["\x"]"#,
        r#"["\u12"]"#,
        r#"['a']"#,
        "[\"\u{1}\"]",
        "\u{feff}[\"a\"]",
        "x",
        " ",
    ] {
        assert_broken(&Frame::text(text).masked()).await;
    }
}

/// P37: Broken payloads.
#[tokio::test]
async fn json_of_another_shape_ends_the_connection_and_delivers_nothing() {
    for text in [
        "[5]",
        "[null]",
        "[true]",
        r#"["a",5]"#,
        r#"[["a"]]"#,
        r#"[{"a":"b"}]"#,
        r#"{"a":"b"}"#,
        "{}",
        "5",
        "null",
        "true",
    ] {
        assert_broken(&Frame::text(text).masked()).await;
    }
}

#[tokio::test]
async fn deep_nesting_overflows_no_stack() {
    for (open, close) in [("[", "]"), ("[[\"a\"],", "]"), ("{\"a\":", "}")] {
        let nested = [open.repeat(50_000), close.repeat(50_000)].concat();
        assert_broken(&Frame::text(nested).masked()).await;
    }
}

/// P37: Broken payloads.
#[tokio::test]
async fn frames_of_invalid_utf8_end_the_connection() {
    for opcode in [Opcode::Text, Opcode::Binary] {
        let frame = Frame::new(opcode, &b"[\"\xff\"]"[..]);
        assert_broken(&frame.masked()).await;
    }
    let start = Frame::new(Opcode::Text, &b"[\"\xf0\x9f"[..]).to_be_continued();
    let end = Frame::new(Opcode::Continuation, &b"\"]"[..]);
    assert_broken(&[start.masked(), end.masked()].concat()).await;
}

/// P37: Broken payloads.
#[tokio::test]
async fn an_unmasked_frame_is_a_violation() {
    assert_violation(&Frame::text(r#"["x"]"#).unmasked()).await;
}

#[tokio::test]
async fn reserved_bits_and_opcodes_are_violations() {
    let frame = Frame::text(r#"["x"]"#).masked();
    for (mask, bits) in [
        (0xff, 0x40),
        (0xff, 0x20),
        (0xff, 0x10),
        (0xf0, 3),
        (0xf0, 11),
    ] {
        let mut broken = frame.clone();
        broken[0] = broken[0] & mask | bits;
        assert_violation(&broken).await;
    }
}

#[tokio::test]
async fn fragments_out_of_order_are_violations() {
    let start = Frame::text(r#"["x"#).to_be_continued().masked();

    assert_violation(&Frame::new(Opcode::Continuation, r#"["x"]"#).masked()).await;
    assert_violation(&[&start[..], &start[..]].concat()).await;
}

#[tokio::test]
async fn control_frames_in_fragments_or_too_long_are_violations() {
    let ping = Frame::new(Opcode::Ping, "x");

    assert_violation(&ping.to_be_continued().masked()).await;
    assert_violation(&Frame::new(Opcode::Ping, "x".repeat(126)).masked()).await;
}
