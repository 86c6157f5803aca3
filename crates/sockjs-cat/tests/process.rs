//! The program as a process.

use std::process::{Output, Stdio};
use std::time::Duration;

use axum::Router;
use sockjs_axum::{Session, SockJsLayer};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::timeout;

/// Serves an echo and sessions that close, and returns the URL.
async fn serve() -> String {
    async fn close(mut session: Session) {
        if let Some(code) = session.recv().await.and_then(|it| it.parse().ok()) {
            session.send("goodbye").await.ok();
            session.close(code, "as you like");
        }
    }
    async fn tell(session: Session) {
        let tenant = session.headers().get("x-tenant");
        let tenant = tenant.and_then(|it| it.to_str().ok()).unwrap_or_default();
        let told = format!("{tenant} over {}", session.transport());
        session.send(told).await.ok();
        session.closed().await;
    }
    let app = Router::new()
        .layer(SockJsLayer::echo("/echo"))
        .layer(SockJsLayer::new("/close").on_session(close))
        .layer(SockJsLayer::new("/tell").on_session(tell));
    let listener = TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

fn command(url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockjs-cat"));
    command
        .arg(url)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs it with this input, to its end.
async fn run(url: &str, arguments: &[&str], input: &str) -> Output {
    let mut child = command(url, arguments).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    tokio::spawn(async move {
        // It may have ended before it read everything.
        stdin.write_all(input.as_bytes()).await.ok();
    });
    let output = timeout(Duration::from_secs(60), child.wait_with_output());
    output
        .await
        .expect("it ends in time")
        .expect("its output can be read")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[tokio::test]
async fn lines_go_in_and_come_out() {
    let url = serve().await + "/echo";
    for arguments in [
        &[][..],
        &["--transport", "websocket"],
        &["-t", "xhr-streaming"],
        &["-t", "eventsource"],
        &["-t", "xhr-polling"],
        &["--raw"],
    ] {
        let arguments = [arguments, &["--count", "3"]].concat();
        let output = run(&url, &arguments, "hello\n\nGrüße\n").await;
        assert_eq!(text(&output.stdout), "hello\n\nGrüße\n");
        let transport = match &arguments[..] {
            [_, name, ..] if arguments.len() == 4 => name,
            ["--raw", ..] => "websocket-raw",
            _ => "websocket",
        };
        let told = format!("open: {transport}\nclosed: 1000 Normal closure\n");
        assert_eq!(text(&output.stderr), told);
        assert_eq!(output.status.code(), Some(0));
    }
}

#[tokio::test]
async fn after_the_input_it_waits_for_answers() {
    let url = serve().await + "/echo";
    let output = run(&url, &[], "one\ntwo\n").await;
    assert_eq!(text(&output.stdout), "one\ntwo\n");
    assert_eq!(output.status.code(), Some(0));
}

#[tokio::test]
async fn a_message_is_printed_when_it_arrives() {
    let url = serve().await + "/echo";
    let mut child = command(&url, &[]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in ["first", "second"] {
        stdin
            .write_all(format!("{line}\n").as_bytes())
            .await
            .unwrap();
        let echo = timeout(Duration::from_secs(60), lines.next_line()).await;
        assert_eq!(echo.unwrap().unwrap().as_deref(), Some(line));
    }
}

#[tokio::test]
async fn the_exit_status_tells_the_close_code() {
    let url = serve().await + "/close";
    for (close, status) in [
        ("1000", 0),
        ("3000", 3),
        ("4321", 3),
        ("1011", 21),
        ("2010", 4),
    ] {
        let output = run(&url, &["--wait", "60"], &format!("{close}\n")).await;
        assert_eq!(text(&output.stdout), "goodbye\n");
        let told = format!("open: websocket\nclosed: {close} as you like\n");
        assert_eq!(text(&output.stderr), told);
        assert_eq!(output.status.code(), Some(status), "{close}");
    }
}

#[tokio::test]
async fn headers_are_sent() {
    let url = serve().await + "/tell";
    let arguments = ["-t", "xhr-polling", "-H", "X-Tenant: ours", "--count", "1"];
    let output = run(&url, &arguments, "").await;
    assert_eq!(text(&output.stdout), "ours over xhr-polling\n");
}

#[tokio::test]
async fn messages_with_line_breaks_are_json() {
    let url = serve().await + "/echo";
    let lines = "\"two\\nlines\"\n\"Grüße\"\n";
    let output = run(&url, &["--json", "--count", "2"], lines).await;
    assert_eq!(text(&output.stdout), lines);

    let output = run(&url, &["--json"], "no JSON\n").await;
    assert!(text(&output.stderr).contains("a line is not a JSON string"));
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn who_cannot_connect_is_told_why() {
    let url = serve().await + "/nowhere";
    let output = run(&url, &[], "").await;
    let told = format!(
        "cannot connect to {url}: the request for /info failed: the server answered 404 Not Found\n"
    );
    assert_eq!(text(&output.stderr), told);
    assert_eq!(output.status.code(), Some(1));

    let output = run(&url, &["--transport", "carrier-pigeon"], "").await;
    assert_eq!(output.status.code(), Some(2));
}
