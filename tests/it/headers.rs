//! Headers that every answer has, errors included.

use support::{Request, Server, Wire, assert_not_cached};

/// A request to every session URL and `/info`, for every status it may be answered with.
fn requests(server: &Server) -> Vec<(u16, Request<'static>)> {
    let peer = || server.peer();
    let mut requests = vec![
        (200, server.get("/echo/info")),
        (200, server.request("HEAD", "/echo/info")),
        (405, server.post("/echo/info")),
        (404, peer().post("xhr_send").body("[]")),
        (404, peer().post("jsonp_send").body("[]")),
        (500, peer().post("xhr_send")),
        (500, peer().post("jsonp_send")),
        (500, peer().post("xhr_send").body("x")),
        (500, peer().post("jsonp_send").body("x")),
        (413, peer().post("xhr_send").body(" ".repeat(2000))),
        (413, peer().post("jsonp_send").body(" ".repeat(2000))),
        (500, peer().get("htmlfile")),
        (500, peer().get("htmlfile?c=%20")),
        (500, peer().get("jsonp")),
        (500, peer().get("jsonp?c=%20")),
        (405, peer().get("xhr_send")),
        (405, peer().get("jsonp_send")),
        (400, peer().get("websocket")),
        (405, peer().post("websocket")),
    ];
    for wire in Wire::ALL {
        let wrong = if wire.method() == "GET" {
            "POST"
        } else {
            "GET"
        };
        requests.push((200, peer().receive(wire)));
        requests.push((405, peer().request(wrong, wire.endpoint())));
        requests.push((405, peer().request("HEAD", wire.endpoint())));
    }
    requests
}

/// P45: No caching.
#[tokio::test]
async fn no_answer_of_a_session_url_or_info_may_be_cached() {
    let server = Server::echo(|layer| layer.body_limit(1000)).await;

    let mut cached = Vec::new();
    for (status, request) in requests(&server) {
        let name = request.line();
        let response = request.send().await;
        assert_eq!(response.status, status, "{name}");
        if response.header("cache-control").is_none() {
            cached.push(name);
        } else {
            assert_not_cached(&response);
        }
    }
    assert!(cached.is_empty(), "{cached:#?}");
}

/// P50: nosniff.
#[tokio::test]
async fn no_answer_is_sniffed_or_sets_a_cookie() {
    let server = Server::echo(|layer| layer.body_limit(1000)).await;
    let mut requests = requests(&server);
    requests.extend([
        (200, server.get("/echo")),
        (200, server.get("/echo/iframe.html")),
        (404, server.get("/echo/nothing")),
        (405, server.post("/echo")),
        (405, server.post("/echo/iframe.html")),
        (204, server.request("OPTIONS", "/echo/info")),
        (204, server.peer().request("OPTIONS", "xhr")),
    ]);

    for (status, request) in requests {
        let name = request.line();
        let response = request.send().await;
        assert_eq!(response.status, status, "{name}");
        assert_eq!(
            response.header("x-content-type-options"),
            Some("nosniff"),
            "{name}"
        );
        assert_eq!(response.header("set-cookie"), None, "{name}");
    }
}

#[tokio::test]
async fn an_error_without_a_text_has_no_content_type() {
    let server = Server::echo(|layer| layer.body_limit(1000)).await;

    for (_, request) in requests(&server) {
        let name = request.line();
        let response = request.send().await;
        if response.status == 200 {
            continue;
        }
        let content_type = response.header("content-type").map(str::to_owned);
        let body = response.bytes().await;
        assert_eq!(
            content_type.is_none(),
            body.is_empty(),
            "{name}: {content_type:?}"
        );
    }
}
