//! What the order of the layers is for. There are no sockets here: the clock stands still while
//! anything is left to do, and then jumps to the next timer.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use axum::response::IntoResponse;
use http_body_util::BodyExt;
use sockjs_axum::Transport;
use sockjs_client::{Client, ConnectError};
use tokio::time::timeout;
use tower::ServiceExt;

use crate::app::{self, Settings, TIMEOUT};
use crate::page;

const OURS: &str = "https://app.example";

fn app() -> Router {
    let settings = Settings {
        origins: vec![OURS.to_owned()],
        client: page::Client::from_env().expect("no client of our own"),
    };
    app::app(settings).0
}

struct Browser {
    app: Router,
    cookie: String,
    encodings: &'static str,
}

impl Browser {
    async fn log_in(app: &Router, name: &str) -> Self {
        let mut browser = Self {
            app: app.clone(),
            cookie: String::new(),
            encodings: "identity",
        };
        let login = Request::post("/login")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(format!(r#"{{"name":"{name}"}}"#)))
            .expect("a valid request");
        let response = browser.call(login).await;
        let cookie = response.headers()[header::SET_COOKIE]
            .to_str()
            .expect("ASCII");
        assert!(cookie.ends_with("; Secure"), "{cookie}");
        browser.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        browser
    }

    async fn call(&self, request: Request<Body>) -> Response<Body> {
        let Ok(response) = self.app.clone().oneshot(request).await;
        response
    }

    /// Sends a request as a page of an origin makes a browser send it.
    async fn send(
        &self,
        method: &str,
        path: &str,
        origin: &str,
        body: &'static str,
    ) -> Response<Body> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ORIGIN, origin)
            .header(header::COOKIE, &self.cookie)
            .header(header::ACCEPT_ENCODING, self.encodings)
            .body(Body::from(body));
        self.call(request.expect("a valid request")).await
    }

    async fn connect(&self, transport: Transport) -> Result<Client, ConnectError> {
        Client::over(self.app.clone(), "/live")
            .transport(transport)
            .origin(OURS)
            .header(header::COOKIE, &self.cookie)
            .connect()
            .await
    }

    async fn post(&self, path: &str) -> Response<Body> {
        self.send("POST", path, OURS, "").await
    }
}

async fn text(response: Response<Body>) -> String {
    let body = response.into_body().collect().await.expect("a whole body");
    String::from_utf8(body.to_bytes().to_vec()).expect("text")
}

async fn next(response: &mut Response<Body>) -> String {
    let frame = response.body_mut().frame().await.expect("a frame");
    let data = frame.expect("a whole body").into_data().expect("data");
    String::from_utf8(data.to_vec()).expect("text that is not compressed")
}

#[tokio::test(start_paused = true)]
async fn every_transport_greets_and_echoes() {
    let app = app();
    let ann = Browser::log_in(&app, "Ann").await;
    for transport in Client::TRANSPORTS {
        let client = ann.connect(transport).await;
        let mut client = client.expect("the session opens");
        let greeting = client.recv().await.expect("a greeting");
        assert_eq!(greeting, format!("Hello Ann over {transport}!"));
        client.send("hello").await.expect("the session is open");
        assert_eq!(client.recv().await.as_deref(), Some("hello"));
    }
}

#[tokio::test(start_paused = true)]
async fn compression_holds_no_frame_back() {
    let mut ann = Browser::log_in(&app(), "Ann").await;
    ann.encodings = "gzip";
    let mut stream = ann.post("/live/0/a/xhr_streaming").await;
    assert_eq!(stream.headers()[header::CONTENT_ENCODING], "identity");
    assert_eq!(next(&mut stream).await, "h".repeat(2048) + "\n");
    assert_eq!(next(&mut stream).await, "o\n");
    assert_eq!(
        next(&mut stream).await,
        "a[\"Hello Ann over xhr-streaming!\"]\n"
    );

    let page = ann.send("GET", "/", OURS, "").await;
    assert_eq!(page.headers()[header::CONTENT_ENCODING], "gzip");
}

#[tokio::test(start_paused = true)]
async fn a_poll_may_take_longer_than_the_timeout() {
    let app = app();
    let ann = Browser::log_in(&app, "Ann").await;
    let client = ann.connect(Transport::Xhr).await;
    let mut client = client.expect("the session opens");
    assert!(client.recv().await.is_some());

    // Polls end with a heartbeat after 25 s.
    let silence = timeout(10 * TIMEOUT, client.recv()).await;
    assert!(silence.is_err(), "{silence:?}");
    client
        .send("still here")
        .await
        .expect("the session is open");
    assert_eq!(client.recv().await.as_deref(), Some("still here"));
}

#[tokio::test]
async fn each_has_its_own_word_on_origins() {
    let app = app();
    let ann = Browser::log_in(&app, "Ann").await;

    let info = ann.send("GET", "/live/info", OURS, "").await;
    assert_eq!(info.status(), StatusCode::OK);
    let allowed: Vec<_> = info
        .headers()
        .get_all(header::ACCESS_CONTROL_ALLOW_ORIGIN)
        .iter()
        .collect();
    assert_eq!(allowed, [OURS]);
    let credentials = info
        .headers()
        .get_all(header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
    assert_eq!(credentials.iter().collect::<Vec<_>>(), ["true"]);

    let foreign = ann
        .send("GET", "/live/info", "https://evil.example", "")
        .await;
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    assert!(
        !foreign
            .headers()
            .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
    );

    let api = ann
        .send("GET", "/api/sessions", "https://other.example", "")
        .await;
    let allowed: Vec<_> = api
        .headers()
        .get_all(header::ACCESS_CONTROL_ALLOW_ORIGIN)
        .iter()
        .collect();
    assert_eq!(allowed, ["*"]);
}

#[tokio::test]
async fn a_session_is_its_users() {
    let app = app();
    let nobody = Browser {
        app: app.clone(),
        cookie: String::new(),
        encodings: "identity",
    };
    let refused = nobody.connect(Transport::Xhr).await;
    let status = refused.err().and_then(|it| it.status());
    assert_eq!(status, Some(StatusCode::UNAUTHORIZED));

    let ann = Browser::log_in(&app, "Ann").await;
    let bob = Browser::log_in(&app, "Bob").await;
    assert_eq!(text(ann.post("/live/0/a/xhr").await).await, "o\n");
    for thief in [bob, nobody] {
        assert_eq!(
            thief.post("/live/0/a/xhr").await.status(),
            StatusCode::NOT_FOUND
        );
        let send = thief
            .send("POST", "/live/0/a/xhr_send", OURS, r#"["x"]"#)
            .await;
        assert_eq!(send.status(), StatusCode::NOT_FOUND);
    }
    assert_eq!(
        text(ann.post("/live/0/a/xhr").await).await,
        "a[\"Hello Ann over xhr-polling!\"]\n"
    );

    // A frame of an old browser says nothing of the page around it.
    let frame = Request::get("/live/0/b/htmlfile?c=f")
        .header(header::HOST, "app.example")
        .header(header::COOKIE, &ann.cookie)
        .body(Body::empty())
        .expect("a valid request");
    assert_eq!(ann.call(frame).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_page_learns_whether_its_cookie_is_known() {
    let app = app();
    let ann = Browser::log_in(&app, "Ann").await;
    let known = ann.send("GET", "/login", OURS, "").await;
    assert_eq!(known.status(), StatusCode::NO_CONTENT);

    // A server that was restarted knows nobody.
    let ann = Browser {
        app: self::app(),
        ..ann
    };
    let forgotten = ann.send("GET", "/login", OURS, "").await;
    assert_eq!(forgotten.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(start_paused = true)]
async fn sessions_are_counted() {
    // For this thread alone, as other tests open sessions, too.
    let recorder = crate::metrics::builder()
        .expect("good buckets")
        .build_recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let metrics = crate::metrics::routes(recorder.handle());
    let scrape = async || {
        let request = Request::get("/metrics")
            .body(Body::empty())
            .expect("a valid request");
        let Ok(response) = metrics.clone().oneshot(request).await;
        text(response.into_response()).await
    };
    let ann = Browser::log_in(&app(), "Ann").await;
    let client = ann.connect(Transport::Xhr).await;
    // Until the client polls.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let sessions = r#"sockjs_sessions{mount="/live",transport="xhr-polling"}"#;
    let now = scrape().await;
    assert!(now.contains(&format!("{sessions} 1\n")), "{now}");

    drop(client);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let now = scrape().await;
    assert!(now.contains(&format!("{sessions} 0\n")), "{now}");
    assert!(now.contains(r#"cause="receiver_lost"} 1"#), "{now}");
}
