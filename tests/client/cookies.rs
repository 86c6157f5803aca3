use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use sockjs_axum::SockJsLayer;
use sockjs_client::Client;

use crate::answers::Seen;
use crate::places::all_transports;

#[tokio::test(start_paused = true)]
async fn cookies_of_the_server_and_of_the_application_are_sent() {
    let seen = Seen::default();
    let app = seen.watch(Router::new().layer(SockJsLayer::echo("/echo").jsessionid(true)));
    for transport in Client::TRANSPORTS {
        let client = Client::over(app.clone(), "/echo")
            .transport(transport)
            .cookie("user", "ann");
        let mut client = client.connect().await.unwrap();
        client.send("hello").await.unwrap();
        client.recv().await.unwrap();
        let requests = seen.take();
        // `/info` sets no cookie, so the request that opens the session has none of the server.
        for (path, cookies) in &requests[..2] {
            assert_eq!(cookies, "user=ann", "{path}");
        }
        for (path, cookies) in &requests[2..] {
            assert_eq!(cookies, "user=ann; JSESSIONID=dummy", "{path}");
        }
        assert_eq!(requests.len() == 2, transport.is_websocket());
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_balancer_sets_its_cookie_with_the_first_response() {
    let app = Router::new().layer(SockJsLayer::echo("/echo"));
    let seen = Seen::default();
    let app = seen.watch(app.layer(from_fn(|request: Request, next: Next| async {
        let mut response = next.run(request).await;
        let cookie = "SERVERID=s1; path=/".parse().unwrap();
        response.headers_mut().insert("set-cookie", cookie);
        response
    })));
    for transport in all_transports().filter(|it| *it != sockjs_axum::Transport::RawWebSocket) {
        let client = Client::over(app.clone(), "/echo").transport(transport);
        let mut client = client.connect().await.unwrap();
        client.send("hello").await.unwrap();
        client.recv().await.unwrap();
        let requests = seen.take();
        assert_eq!(requests[0].1, "");
        for (path, cookies) in &requests[1..] {
            assert_eq!(cookies, "SERVERID=s1", "{path}");
        }
    }
}
