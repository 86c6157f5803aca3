//! Which subprotocol a WebSocket has.

use http::HeaderValue;
use sockjs_axum::{SockJsLayer, Transport};
use support::{Client, Http2, Server};

use super::PATH;

const RAW_PATH: &str = "/echo/websocket";

const NAME: &str = "sec-websocket-protocol";

/// The lines of offers of a handshake, and the subprotocol that is chosen of those of [`listed`].
const CHOICES: &[(&[&str], Option<&str>)] = &[
    (&["v12.stomp"], Some("v12.stomp")),
    (&["v11.stomp"], Some("v11.stomp")),
    // The client's order decides.
    (&["v11.stomp, v12.stomp"], Some("v11.stomp")),
    (&["v10.stomp, v11.stomp, v12.stomp"], Some("v11.stomp")),
    (&["v10.stomp,v12.stomp,v11.stomp"], Some("v12.stomp")),
    // Several lines are one list.
    (&["v10.stomp", "v11.stomp", "v12.stomp"], Some("v11.stomp")),
    (
        &["mqtt, v10.stomp", "chat,v12.stomp", "v11.stomp"],
        Some("v12.stomp"),
    ),
    (&[" , v11.stomp\t,"], Some("v11.stomp")),
    // Names are compared as they are.
    (&["V12.STOMP"], None),
    (&["v12.stom", "v12.stompp", "v12 stomp"], None),
    (&["v12.stomp;q=1"], None),
    (&["mqtt"], None),
    (&[""], None),
    (&[], None),
];

fn listed(layer: SockJsLayer) -> SockJsLayer {
    layer.protocols(["v12.stomp", "v11.stomp"])
}

/// P67: Subprotocols.
#[tokio::test]
async fn the_first_offer_that_is_listed_is_chosen() {
    let (server, mut sessions) = Server::capture(listed).await;

    for path in [PATH, RAW_PATH] {
        for (offers, chosen) in CHOICES {
            let handshake = server.websocket(path);
            let handshake = offers
                .iter()
                .fold(handshake, |it, offer| it.and_header(NAME, offer));

            let socket = handshake.open().await;

            let answer: Vec<_> = chosen.iter().copied().collect();
            assert_eq!(socket.headers.list(NAME), answer, "{path} {offers:?}");
            let session = sessions.next().await;
            assert_eq!(session.protocol(), *chosen, "{path} {offers:?}");
            assert_eq!(session.session_ref().protocol(), *chosen);
        }
    }
}

/// P67: Subprotocols.
#[tokio::test]
async fn over_http2_the_first_offer_that_is_listed_is_chosen() {
    let (server, mut sessions) = Server::capture(listed).await;
    let client = Http2::connect(server.addr()).await;

    for path in [PATH, RAW_PATH] {
        for (offers, chosen) in CHOICES {
            let mut request = Http2::connect_request("websocket", path);
            for offer in *offers {
                let offer = HeaderValue::from_static(offer);
                request.headers_mut().append(NAME, offer);
            }

            let response = client.send(request).await;

            assert_eq!(response.status(), 200);
            let answer: Vec<_> = response.headers().get_all(NAME).iter().collect();
            let expected: Vec<_> = chosen.iter().copied().collect();
            assert_eq!(answer, expected, "{path} {offers:?}");
            let session = sessions.next().await;
            assert_eq!(session.protocol(), *chosen, "{path} {offers:?}");
            assert_eq!(session.session_ref().protocol(), *chosen);
        }
    }
}

#[tokio::test]
async fn a_websocket_with_a_subprotocol_works_as_any_other() {
    let server = Server::echo(listed).await;

    let mut socket = server
        .websocket(PATH)
        .header(NAME, "v11.stomp")
        .open()
        .await;
    socket.expect("o").await;
    socket.send_text(r#"["x"]"#).await;
    socket.expect(r#"a["x"]"#).await;

    let raw = server.websocket(RAW_PATH).header(NAME, "v11.stomp");
    let mut socket = raw.open().await;
    socket.send_text("x").await;
    socket.expect("x").await;
}

#[tokio::test]
async fn the_last_list_replaces_the_others() {
    let configure = |layer: SockJsLayer| listed(layer).protocols(["mqtt".to_owned()]);
    let (server, mut sessions) = Server::capture(configure).await;

    let offers = server.websocket(PATH).header(NAME, "v12.stomp, mqtt");
    let socket = offers.open().await;

    assert_eq!(socket.headers.list(NAME), ["mqtt"]);
    assert_eq!(sessions.next().await.protocol(), Some("mqtt"));
}

#[tokio::test]
async fn other_transports_have_no_subprotocol() {
    let (server, mut sessions) = Server::capture(listed).await;

    for &transport in Transport::ALL {
        let _client = Client::open(server.addr(), "/echo", transport).await;
        assert_eq!(sessions.next().await.protocol(), None);
    }
    let offer = server.post("/echo/000/abc/xhr").header(NAME, "v12.stomp");
    let response = offer.send().await;
    assert_eq!(response.header(NAME), None);
    assert_eq!(sessions.next().await.protocol(), None);
}

#[test]
fn a_name_that_is_no_token_is_refused() {
    for name in [
        "",
        "two words",
        "a,b",
        "a;b",
        "\"a\"",
        "a/b",
        "a\r\nX: y",
        "ä",
        "a ",
    ] {
        let refused =
            std::panic::catch_unwind(|| SockJsLayer::new("/echo").protocols(["ok", name]));

        let said = refused.expect_err("it panics").downcast::<String>();
        let said = said.expect("a text");
        let start = format!("{name:?} is not the name of a subprotocol: ");
        assert!(said.starts_with(&start), "{said}");
    }
    let _ = SockJsLayer::new("/echo").protocols(["!#$%&'*+-.^_`|~09azAZ"]);
    let _ = SockJsLayer::new("/echo").protocols([""; 0]);
}
