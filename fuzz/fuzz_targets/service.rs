//! Whole requests through the service, against a second table of URLs.

#![no_main]

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, ORIGIN, SET_COOKIE,
    VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use libfuzzer_sys::fuzz_target;
use sockjs_axum::{JSessionId, NotFound, SockJs, SockJsLayer};
use sockjs_core::PayloadError;
use tokio::time::{Instant, timeout};
use tower::ServiceExt;

// The first byte chooses options. The rest is requests with a NUL byte between two: a line with method
// and target, lines of headers, an empty line, the body.
fuzz_target!(|data: &[u8]| {
    let Some((&options, requests)) = data.split_first() else {
        return;
    };
    let options = Options(options);
    let requests: Vec<_> = requests
        .split(|b| *b == 0)
        .filter_map(Input::read)
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(run(options, requests));
});

#[derive(Clone, Copy)]
struct Options(u8);

impl Options {
    fn are_small(self) -> bool {
        self.0 & 1 != 0
    }

    fn have_cookie(self) -> bool {
        self.0 & 2 != 0
    }

    fn declare_length(self) -> bool {
        self.0 & 4 != 0
    }

    /// Returns in how long chunks the body of a request arrives.
    fn chunk(self) -> usize {
        if self.0 & 8 != 0 { 3 } else { 1 << 20 }
    }

    fn body_limit(self) -> usize {
        if self.are_small() { 64 } else { 2 << 20 }
    }

    fn message_limit(self) -> usize {
        if self.are_small() { 16 } else { 2 << 20 }
    }

    fn service(self) -> SockJs<NotFound> {
        let layer = SockJsLayer::echo("/echo");
        let layer = if self.are_small() {
            layer
                .body_limit(self.body_limit())
                .message_limit(self.message_limit())
                .response_limit(1)
        } else {
            layer
        };
        let cookie = if self.have_cookie() {
            JSessionId::from(true)
        } else {
            JSessionId::from(false)
        };
        layer.jsessionid(cookie).into_service()
    }
}

#[derive(Clone)]
struct Input {
    method: Method,
    target: PathAndQuery,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Input {
    fn read(text: &[u8]) -> Option<Self> {
        let end = text.windows(2).position(|it| it == b"\n\n");
        let (head, body) = match end {
            Some(end) => (&text[..end], &text[end + 2..]),
            None => (text, &[][..]),
        };
        let mut lines = head.split(|b| *b == b'\n');
        let line = str::from_utf8(lines.next()?).ok()?;
        let (method, target) = line.split_once(' ')?;
        if !target.starts_with('/') {
            return None;
        }
        // Without the fragment.
        let target: PathAndQuery = target.parse().ok()?;
        let mut headers = HeaderMap::new();
        for line in lines {
            let colon = line.iter().position(|b| *b == b':')?;
            let name = HeaderName::from_bytes(&line[..colon]).ok()?;
            let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
            // The HTTP server guarantees that it is true.
            if name != CONTENT_LENGTH {
                headers.append(name, value);
            }
        }
        Some(Self {
            method: method.parse().ok()?,
            target,
            headers,
            body: body.to_owned(),
        })
    }

    fn request(
        &self,
        options: Options,
    ) -> Request<impl http_body::Body<Data = Bytes, Error = Infallible> + use<>> {
        let chunks: Vec<_> = self
            .body
            .chunks(options.chunk())
            .map(|chunk| Ok(http_body::Frame::data(Bytes::copy_from_slice(chunk))))
            .collect();
        let mut request = Request::new(StreamBody::new(futures_util::stream::iter(chunks)));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.target.clone().into();
        *request.headers_mut() = self.headers.clone();
        if options.declare_length() {
            let len = self.body.len().into();
            request.headers_mut().insert(CONTENT_LENGTH, len);
        }
        request
    }
}

/// What the second table says of a path.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Url<'a> {
    Outside,
    Unknown,
    Greeting,
    Info,
    Iframe,
    WebSocket {
        session: bool,
    },
    /// Endpoint and session id.
    Receive(&'a str, &'a str),
    Send(&'a str, &'a str),
}

impl<'a> Url<'a> {
    fn of(path: &'a str) -> Self {
        let mut segments: Vec<&str> = path.split('/').skip(1).collect();
        if segments.first() != Some(&"echo") {
            return Self::Outside;
        }
        if segments.len() > 1 && segments.last() == Some(&"") {
            segments.pop();
        }
        let is_id = |id: &str| (1..=128).contains(&id.len()) && !id.contains('.');
        match segments[1..] {
            [] => Self::Greeting,
            ["info"] => Self::Info,
            ["websocket"] => Self::WebSocket { session: false },
            [page] if is_iframe(page) => Self::Iframe,
            [server, id, endpoint] if is_id(server) && is_id(id) => match endpoint {
                "websocket" => Self::WebSocket { session: true },
                "xhr" | "xhr_streaming" | "eventsource" | "htmlfile" | "jsonp" => {
                    Self::Receive(endpoint, id)
                }
                "xhr_send" | "jsonp_send" => Self::Send(endpoint, id),
                _ => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }

    fn methods(self) -> &'static str {
        match self {
            Self::Outside | Self::Unknown => "",
            Self::Greeting | Self::Iframe => "GET, HEAD",
            Self::Info => "OPTIONS, GET, HEAD",
            Self::WebSocket { .. } => "GET",
            Self::Receive("xhr" | "xhr_streaming", _) | Self::Send("xhr_send", _) => {
                "OPTIONS, POST"
            }
            Self::Receive(..) => "GET",
            Self::Send(..) => "POST",
        }
    }

    fn is_session(self) -> bool {
        matches!(
            self,
            Self::WebSocket { session: true } | Self::Receive(..) | Self::Send(..)
        )
    }

    fn has_cors(self) -> bool {
        match self {
            Self::Info => true,
            Self::Receive(endpoint, _) => !matches!(endpoint, "htmlfile" | "jsonp"),
            Self::Send(endpoint, _) => endpoint == "xhr_send",
            _ => false,
        }
    }
}

fn is_iframe(page: &str) -> bool {
    let is_version = |c: char| matches!(c, '0'..='9' | 'a'..='z' | '-' | '.' | '_');
    page.len() >= "iframe.html".len()
        && page.starts_with("iframe")
        && page.ends_with(".html")
        && page.chars().all(is_version)
}

async fn run(options: Options, requests: Vec<Input>) {
    let service = options.service();
    let mut waiting = Vec::new();
    // The ids of all receive requests, and until when which session must be there.
    let mut opened = HashSet::new();
    let mut alive: HashMap<String, Instant> = HashMap::new();
    for input in requests.into_iter().take(12) {
        let (url, method) = (input.target.clone(), input.method.clone());
        let url = Url::of(url.path());
        let mut must_live = false;
        let mut may_live = false;
        if let (Url::Send(_, id), &Method::POST) = (url, &method) {
            must_live = alive.get(id).is_some_and(|until| Instant::now() < *until);
            may_live = opened.contains(id);
        }
        let service = service.clone();
        let task = tokio::spawn(async move {
            let response = service.oneshot(input.request(options)).await.unwrap();
            check(options, &input, response, must_live, may_live).await
        });
        let mut task = Box::pin(task);
        // A poll that waits is left alone, so that the next request finds it there.
        let survives = match timeout(Duration::from_millis(100), &mut task).await {
            Ok(result) => result.unwrap(),
            Err(_) => {
                waiting.push(task);
                false
            }
        };
        match url {
            Url::Receive(_, id) => {
                opened.insert(id.to_owned());
                alive.remove(id);
                if survives {
                    alive.insert(id.to_owned(), Instant::now() + Duration::from_secs(4));
                }
            }
            Url::Send(_, id) if !survives => drop(alive.remove(id)),
            _ => {}
        }
    }
    for task in waiting {
        task.await.unwrap();
    }
}

/// Checks the response, and returns whether the request's session must be there behind it.
async fn check<B>(
    options: Options,
    input: &Input,
    response: Response<B>,
    must_live: bool,
    may_live: bool,
) -> bool
where
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let (head, body) = response.into_parts();
    let (status, headers) = (head.status, &head.headers);
    let url = Url::of(input.target.path());
    let mut body = Box::pin(body);
    if url == Url::Outside {
        assert_eq!(status, StatusCode::NOT_FOUND);
        return false;
    }
    check_headers(options, input, url, headers);

    let methods = url.methods();
    if url != Url::Unknown && !methods.split(", ").any(|it| it == input.method.as_str()) {
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(headers[ALLOW], methods);
        assert!(!headers.contains_key(CONTENT_TYPE));
        assert_eq!(read(body).await, "");
        return false;
    }
    if url != Url::Unknown && input.method == Method::OPTIONS {
        assert_eq!(status, StatusCode::NO_CONTENT);
        let other = if url == Url::Info { "GET" } else { "POST" };
        let methods = format!("OPTIONS, {other}");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_METHODS], methods);
        assert_eq!(headers[CACHE_CONTROL], "public, max-age=31536000");
        assert_eq!(read(body).await, "");
        return false;
    }
    let is_large = input.body.len() > options.body_limit();
    let content_type = headers.get(CONTENT_TYPE);
    match url {
        Url::Outside => unreachable!(),
        Url::Unknown => assert_eq!(status, StatusCode::NOT_FOUND),
        Url::Greeting => {
            assert_eq!(status, StatusCode::OK);
            assert_eq!(content_type.unwrap(), "text/plain; charset=UTF-8");
            let expected = page(input, "Welcome to SockJS!\n");
            assert_eq!(read(body).await, expected);
        }
        Url::Info => {
            assert_eq!(status, StatusCode::OK);
            assert_eq!(content_type.unwrap(), "application/json; charset=UTF-8");
            let text = read(body).await;
            if input.method == Method::GET {
                let info: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert_eq!(info["websocket"], true);
                assert_eq!(info["cookie_needed"], options.have_cookie());
                assert_eq!(info["origins"], serde_json::json!(["*:*"]));
                assert!(info["entropy"].as_u64().unwrap() < 1 << 32);
            } else {
                assert_eq!(text, "");
            }
        }
        Url::Iframe => {
            assert!(headers.contains_key(ETAG));
            let text = read(body).await;
            if status == StatusCode::NOT_MODIFIED {
                assert!(input.headers.contains_key(IF_NONE_MATCH));
                assert!(content_type.is_none());
                assert_eq!(text, "");
            } else {
                assert_eq!(status, StatusCode::OK);
                assert_eq!(content_type.unwrap(), "text/html; charset=UTF-8");
                assert_eq!(text.is_empty(), input.method == Method::HEAD);
            }
        }
        // There is no connection that could become a WebSocket.
        Url::WebSocket { .. } => assert_eq!(status, StatusCode::BAD_REQUEST),
        Url::Receive(endpoint, _) => {
            if status == StatusCode::PAYLOAD_TOO_LARGE {
                assert!(is_large);
                return false;
            }
            let callback = callback(input.target.query());
            if let ("htmlfile" | "jsonp", Err(error)) = (endpoint, &callback) {
                assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
                assert_eq!(read(body).await, *error);
                return false;
            }
            assert_eq!(status, StatusCode::OK);
            let types = match endpoint {
                "eventsource" => "text/event-stream",
                "htmlfile" => "text/html; charset=UTF-8",
                _ => "application/javascript; charset=UTF-8",
            };
            assert_eq!(content_type.unwrap(), types);
            let mut text = String::new();
            if matches!(endpoint, "xhr" | "jsonp") || options.are_small() {
                text = read(body).await;
            } else {
                // The prelude and a frame. The stream is lost then.
                for _ in 0..2 {
                    if let Some(frame) = body.frame().await {
                        let data = frame.unwrap().into_data().unwrap();
                        text += str::from_utf8(&data).unwrap();
                    }
                }
                drop(body);
                check_stream(endpoint, &text);
                return false;
            }
            if !matches!(endpoint, "xhr" | "jsonp") {
                return check_stream(endpoint, &text);
            }
            let frame = match (endpoint, callback) {
                ("jsonp", Ok(callback)) => {
                    let call = text.strip_prefix(&format!("/**/{callback}(")).unwrap();
                    serde_json::from_str(call.strip_suffix(");\r\n").unwrap()).unwrap()
                }
                _ => text.strip_suffix('\n').unwrap().to_owned(),
            };
            return check_frame(&frame);
        }
        Url::Send(endpoint, _) => {
            let text = read(body).await;
            let (expected, expected_text) = judge(options, input, endpoint);
            if expected.is_success() {
                assert!(
                    !must_live || status != StatusCode::NOT_FOUND,
                    "session is lost"
                );
                assert!(
                    may_live || status == StatusCode::NOT_FOUND,
                    "session from nowhere"
                );
            }
            if expected.is_success() && status == StatusCode::NOT_FOUND {
                assert_eq!(text, "");
                return false;
            }
            assert_eq!((status, text.as_str()), (expected, expected_text));
            assert_eq!(content_type.unwrap(), "text/plain; charset=UTF-8");
            return must_live && status != StatusCode::PAYLOAD_TOO_LARGE;
        }
    }
    false
}

fn check_headers(options: Options, input: &Input, url: Url<'_>, headers: &HeaderMap) {
    assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
    let cookie = url.is_session() && options.have_cookie();
    assert_eq!(headers.contains_key(SET_COOKIE), cookie);
    if (url.is_session() || url == Url::Info) && input.method != Method::OPTIONS {
        let never = "no-store, no-cache, no-transform, must-revalidate, max-age=0";
        assert_eq!(headers[CACHE_CONTROL], never);
    }
    let allow_origin = headers.get(ACCESS_CONTROL_ALLOW_ORIGIN);
    let credentials = headers.get(ACCESS_CONTROL_ALLOW_CREDENTIALS);
    if !url.has_cors() {
        assert_eq!((allow_origin, credentials), (None, None));
        return;
    }
    assert_eq!(headers[VARY], "Origin");
    let origins: Vec<_> = input.headers.get_all(ORIGIN).iter().collect();
    match origins[..] {
        [] => assert_eq!(allow_origin.unwrap(), "*"),
        [origin] if origin.is_empty() => assert_eq!(allow_origin.unwrap(), "*"),
        [origin] if origin.as_bytes().iter().all(u8::is_ascii_graphic) => {
            assert_eq!(allow_origin, Some(origin));
            assert_eq!(credentials.unwrap(), "true");
            return;
        }
        _ => assert_eq!(allow_origin, None),
    }
    assert_eq!(credentials, None);
}

/// Returns the answer to a send request whose session is there.
fn judge(options: Options, input: &Input, endpoint: &str) -> (StatusCode, &'static str) {
    let content_type = input.headers.get(CONTENT_TYPE);
    let content_type = content_type.map_or(&b""[..], HeaderValue::as_bytes);
    let media_type = content_type.split(|b| *b == b';').next().unwrap();
    let form = b"application/x-www-form-urlencoded";
    let is_form = endpoint == "jsonp_send" && media_type.trim_ascii().eq_ignore_ascii_case(form);
    let (text, wire_limit) = if is_form {
        let payload = form_urlencoded::parse(&input.body).find(|it| it.0 == "d");
        let text = payload.map(|it| it.1.into_owned()).unwrap_or_default();
        (text, 3 * options.body_limit() + 1024)
    } else {
        let text = String::from_utf8_lossy(&input.body).into_owned();
        (text, options.body_limit())
    };
    if input.body.len() > wire_limit || text.len() > options.body_limit() {
        return (StatusCode::PAYLOAD_TOO_LARGE, "Request body too large.");
    }
    match sockjs_fuzz::array(&text) {
        Ok(array) if array.iter().any(|it| it.len() > options.message_limit()) => {
            (StatusCode::PAYLOAD_TOO_LARGE, "Message too large.")
        }
        Ok(_) if endpoint == "xhr_send" => (StatusCode::NO_CONTENT, ""),
        Ok(_) => (StatusCode::OK, "ok"),
        Err(PayloadError::Expected) => (StatusCode::INTERNAL_SERVER_ERROR, "Payload expected."),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "Broken JSON encoding."),
    }
}

fn callback(query: Option<&str>) -> Result<String, &'static str> {
    let fields = || form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let find = |name: &str| fields().find(|it| it.0 == name).map(|it| it.1.into_owned());
    let name = find("c").or(find("callback")).unwrap_or_default();
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() {
        Err("\"callback\" parameter required")
    } else if name.len() > 32 || !name.chars().all(is_allowed) {
        Err("invalid \"callback\" parameter")
    } else {
        Ok(name)
    }
}

/// Checks what arrived of a stream, and returns whether it left the session open.
fn check_stream(endpoint: &str, text: &str) -> bool {
    let frame = match endpoint {
        "xhr_streaming" => {
            let (prelude, frame) = text.split_once('\n').unwrap();
            assert!(prelude.len() == 2048 && prelude.bytes().all(|b| b == b'h'));
            frame.strip_suffix('\n').unwrap().to_owned()
        }
        "eventsource" => {
            let frame = text.strip_prefix("\r\ndata: ").unwrap();
            frame.strip_suffix("\r\n\r\n").unwrap().replace("%25", "%")
        }
        _ => {
            let (prelude, frame) = text.split_once("\r\n\r\n").unwrap();
            assert!(prelude.len() + 4 >= 1024 && prelude.starts_with("<!doctype html>\n"));
            let json = frame.strip_prefix("<script>\np(").unwrap();
            let json = json.strip_suffix(");\n</script>\r\n").unwrap();
            assert!(!json.contains('<'));
            serde_json::from_str(json).unwrap()
        }
    };
    check_frame(&frame)
}

/// Checks a frame, and returns whether it left the session open.
fn check_frame(frame: &str) -> bool {
    match frame.split_at(1) {
        ("o" | "h", "") => true,
        ("a", array) => {
            let messages: Vec<String> = serde_json::from_str(array).unwrap();
            assert!(!messages.is_empty());
            true
        }
        ("c", reason) => {
            let (code, _): (u16, String) = serde_json::from_str(reason).unwrap();
            assert!([1002, 1009, 2010].contains(&code), "{code}");
            false
        }
        _ => panic!("{frame:?}"),
    }
}

/// Returns the body of a page.
fn page<'a>(input: &Input, body: &'a str) -> &'a str {
    if input.method == Method::HEAD {
        ""
    } else {
        body
    }
}

async fn read<B>(body: B) -> String
where
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let bytes = body.collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.into()).unwrap()
}
