//! Every character, in both directions.

use support::{Server, Wire, received};

/// The characters that are always escaped, as the protocol lists them.
fn is_escaped(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{1f}'
            | '"'
            | '\\'
            | '\u{200c}'..='\u{200f}'
            | '\u{2028}'..='\u{202f}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fff0}'..='\u{ffff}'
    )
}

/// Every character of the first plane, and a few of each of the others.
fn characters() -> impl Iterator<Item = char> {
    let astral = (1..=16).flat_map(|plane| {
        let first = plane * 0x10000;
        [first, first + 0x2028, first + 0xfff0, first + 0xffff]
    });
    (0..0x10000).chain(astral).filter_map(char::from_u32)
}

/// P55: Escapes.
#[tokio::test]
async fn required_characters_are_escaped_and_no_others() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let session = sessions.next().await;
    let all: Vec<char> = characters().collect();

    for some in all.chunks(4096) {
        session.try_send(some.iter().collect::<String>()).unwrap();
        let body = peer.poll().await;

        let inside = body
            .strip_prefix("a[\"")
            .and_then(|body| body.strip_suffix("\"]\n"))
            .unwrap();
        let mut rest = inside.chars();
        for &c in some {
            let Some(first) = rest.next() else {
                panic!("{c:?} is missing")
            };
            if first != '\\' {
                assert_eq!(first, c);
                assert!(!is_escaped(c), "{c:?} must be escaped");
                continue;
            }
            match rest.next().unwrap() {
                'u' => {
                    for (n, unit) in c.encode_utf16(&mut [0; 2]).iter().enumerate() {
                        if n > 0 {
                            assert_eq!([rest.next(), rest.next()], [Some('\\'), Some('u')]);
                        }
                        let digits: String = rest.by_ref().take(4).collect();
                        assert_eq!(digits, format!("{unit:04x}"), "{c:?}");
                    }
                }
                short => {
                    let plain = match short {
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        'b' => '\u{8}',
                        'f' => '\u{c}',
                        other => other,
                    };
                    assert_eq!(plain, c);
                    assert!(is_escaped(c), "{c:?} needs no escape");
                }
            }
        }
        assert_eq!(rest.next(), None);
        let messages: [String; 1] = serde_json::from_str(&body[1..]).unwrap();
        assert_eq!(messages[0], some.iter().collect::<String>());
    }
}

#[tokio::test]
async fn printable_ascii_is_sent_as_it_is() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let ascii: String = (' '..='~').filter(|c| !is_escaped(*c)).collect();

    sessions.next().await.try_send(&*ascii).unwrap();

    assert_eq!(peer.poll().await, format!("a[\"{ascii}\"]\n"));
}

/// P55: Escapes.
#[tokio::test]
async fn the_escapes_byte_for_byte() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let session = sessions.next().await;
    let cases = [
        ("\0\u{1}\u{1f}", r"\u0000\u0001\u001f"),
        ("\u{200c}\u{200f}", r"\u200c\u200f"),
        ("\u{200b}\u{2010}", "\u{200b}\u{2010}"),
        ("\u{2028}\u{2029}\u{202f}", r"\u2028\u2029\u202f"),
        ("\u{2027}\u{2030}", "\u{2027}\u{2030}"),
        ("\u{2060}\u{206f}", r"\u2060\u206f"),
        ("\u{fff0}\u{fffd}\u{feff}", "\\ufff0\\ufffd\u{feff}"),
        ("\"\\/", r#"\"\\/"#),
        ("\u{7f}\u{e9}\u{20ac}", "\u{7f}\u{e9}\u{20ac}"),
    ];

    for (message, escaped) in cases {
        session.try_send(message).unwrap();
        assert_eq!(
            peer.poll().await,
            format!("a[\"{escaped}\"]\n"),
            "{message:?}"
        );
    }
}

#[tokio::test]
async fn every_transport_delivers_every_character() {
    let server = Server::echo(|layer| layer.response_limit(1)).await;
    let message: String = characters().collect();
    let payload = serde_json::to_string(&[&message]).unwrap();

    for wire in Wire::ALL {
        let peer = server.peer();
        let mut receiver = peer.receiver(wire);
        receiver.expect("o").await;
        receiver.complete().await;
        peer.send(&payload).await;
        let messages = receiver.messages(1).await;
        assert!(messages == [&*message], "{wire:?} changed the message");
    }
}

/// P56: Decoding.
#[tokio::test]
async fn everything_a_client_escapes_is_decoded() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let mut session = sessions.next().await;
    let message: String = characters().collect();

    let lower: String = message
        .encode_utf16()
        .map(|unit| format!("\\u{unit:04x}"))
        .collect();
    peer.send(format!("[\"{lower}\"]")).await;
    assert!(received(&mut session).await == message);

    let upper: String = message
        .encode_utf16()
        .map(|unit| format!("\\u{unit:04X}"))
        .collect();
    peer.send(format!("[\"{upper}\"]")).await;
    assert!(received(&mut session).await == message);

    peer.send(r#"["\"\\\/\b\f\n\r\t"]"#).await;
    assert_eq!(received(&mut session).await, "\"\\/\u{8}\u{c}\n\r\t");
}

/// P56: Decoding.
#[tokio::test]
async fn a_lone_surrogate_becomes_a_replacement_character() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;
    let mut session = sessions.next().await;
    let cases = [
        (r"\ud800", "\u{fffd}"),
        (r"\uDFFF", "\u{fffd}"),
        (r"a\udc00b", "a\u{fffd}b"),
        (r"\ud800\u0041", "\u{fffd}A"),
        (r"\ud800\n", "\u{fffd}\n"),
        (r"\ud800\\udc00", "\u{fffd}\\udc00"),
        (r"\\ud800", "\\ud800"),
        (r"\\\ud800", "\\\u{fffd}"),
        (r"\ud800\ud800", "\u{fffd}\u{fffd}"),
        (r"\udc00\ud800", "\u{fffd}\u{fffd}"),
        (r"\ud800\ud83d\ude00", "\u{fffd}😀"),
        (r"\ud83d\ude00\ude00", "😀\u{fffd}"),
        (r"\ud83d\uDE00", "😀"),
        ("\\ud83d😀", "\u{fffd}😀"),
        (r"\udbff\udfff", "\u{10ffff}"),
    ];

    for (escaped, message) in cases {
        peer.send(format!("[\"{escaped}\",\"next\"]")).await;
        assert_eq!(received(&mut session).await, message, "{escaped}");
        assert_eq!(received(&mut session).await, "next", "{escaped}");
    }
}

#[tokio::test]
async fn a_close_reason_is_quoted_like_a_message() {
    let (server, mut sessions) = Server::capture(|layer| layer).await;
    let peer = server.peer();
    peer.open().await;

    sessions
        .next()
        .await
        .close(4000, "\"quoted\"\\ \n\u{2028}é</script>");

    let expected = "c[4000,\"\\\"quoted\\\"\\\\ \\n\\u2028é</script>\"]\n";
    assert_eq!(peer.poll().await, expected);
}
