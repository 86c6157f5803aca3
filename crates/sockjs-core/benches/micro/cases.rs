//! What is measured.

use std::hint::black_box;
use std::time::Instant;

use sockjs_core::{
    Cause, CloseReason, Event, Frame, Message, Payload, ResponseEncoder, Session, SessionConfig,
    quote,
};

use crate::texts::{ascii, json, unicode};

/// Something to do over and over.
pub(crate) struct Case {
    pub(crate) name: String,
    /// How many bytes of messages it goes through each time.
    pub(crate) bytes: usize,
    pub(crate) run: Box<dyn FnMut()>,
}

impl Case {
    fn new(name: impl Into<String>, bytes: usize, run: impl FnMut() + 'static) -> Self {
        Self {
            name: name.into(),
            bytes,
            run: Box::new(run),
        }
    }
}

pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for len in [32, 256, 4096] {
        cases.push(quoting(&format!("quote/ascii/{len}"), ascii(len)));
        cases.push(quoting(&format!("quote/json/{len}"), json(len)));
        cases.push(quoting(&format!("quote/unicode/{len}"), unicode(len)));
    }
    cases.extend([
        decoding("payload/one/32", &[ascii(32)]),
        decoding("payload/sixteen/32", &vec![ascii(32); 16]),
        decoding("payload/json/256", &[json(256)]),
        decoding("payload/unicode/256", &[unicode(256)]),
        decoding("payload/ascii/65536", &[ascii(65536)]),
        decoding("payload/json/65536", &[json(65536)]),
        writing("frame/one/32", vec![ascii(32).into()]),
        writing("frame/sixteen/32", messages(16)),
        writing("frame/json/256", vec![json(256).into()]),
        broadcast(),
        encoding("response/xhr/32", ResponseEncoder::xhr()),
        encoding(
            "response/eventsource/32",
            ResponseEncoder::eventsource(usize::MAX),
        ),
        encoding("response/jsonp/32", ResponseEncoder::jsonp(callback())),
        life(),
        echo("session/echo/32", ascii(32), 1),
        echo("session/echo/json/256", json(256), 1),
        echo("session/echo/sixteen/32", ascii(32), 16),
    ]);
    cases
}

fn quoting(name: &str, text: String) -> Case {
    // Large enough, so that growing it is no part of this.
    let mut out = Vec::with_capacity(2 * text.len());
    Case::new(name, text.len(), move || {
        out.clear();
        quote(black_box(&text), &mut out);
        black_box(&out);
    })
}

/// From the text of a WebSocket message, which is copied out of the connection's buffer, to every
/// message in it.
fn decoding(name: &str, texts: &[String]) -> Case {
    let text = payload(texts);
    Case::new(name, text.len(), move || {
        for message in parse(black_box(&text)) {
            black_box(message);
        }
    })
}

fn writing(name: &str, messages: Vec<Message>) -> Case {
    let bytes = messages.iter().map(|message| message.len()).sum();
    let frame = Frame::Messages(messages);
    Case::new(name, bytes, move || {
        black_box(write(black_box(&frame)));
    })
}

/// One of many sessions that are sent the same message.
fn broadcast() -> Case {
    let message = Message::from(json(256));
    Case::new("frame/broadcast/256", message.len(), move || {
        let frame = Frame::Messages(vec![black_box(&message).clone()]);
        black_box(write(&frame));
    })
}

fn encoding(name: &str, encoder: ResponseEncoder) -> Case {
    let frame = Frame::Messages(messages(1));
    Case::new(name, 32, move || {
        let mut encoder = black_box(&encoder).clone();
        black_box(encoder.encode(black_box(&frame)));
    })
}

/// All that happens in a session in which the client has one message echoed.
fn life() -> Case {
    let now = first_instant();
    let text = payload(&[ascii(32)]);
    Case::new("session/life/32", 32, move || {
        let mut session = open(now);
        echo_once(&mut session, now, &text);
        session.close(now, CloseReason::NORMAL, Cause::ClosedByApp);
        black_box(write_next(&mut session, now));
        while let Some(event) = session.poll_event() {
            black_box(event);
        }
    })
}

/// The hot path: one payload of so many messages, echoed in a session that is open already.
fn echo(name: &str, text: String, messages: usize) -> Case {
    let now = first_instant();
    let mut session = open(now);
    let bytes = messages * text.len();
    let text = payload(&vec![text; messages]);
    Case::new(name, bytes, move || {
        echo_once(&mut session, now, &text);
    })
}

fn open(now: Instant) -> Session {
    let mut session = Session::new(now, black_box(SessionConfig::default()));
    session.attach(now).expect("it has no receiver");
    black_box(write_next(&mut session, now));
    black_box(session.poll_event());
    session
}

/// Does what a driver does, in the order of the contract.
fn echo_once(session: &mut Session, now: Instant, text: &str) {
    assert!(session.has_room());
    let payload = parse(black_box(text));
    session.handle_payload(payload).expect("it is open");
    while let Some(Event::Message(message)) = session.poll_event() {
        session.send(now, message).expect("it is open");
    }
    black_box(write_next(session, now));
    black_box(session.poll_timeout());
}

fn write_next(session: &mut Session, now: Instant) -> Option<Vec<u8>> {
    let frame = session.poll_frame(now)?;
    let text = write(&frame);
    session.handle_flushed(now);
    Some(text)
}

fn write(frame: &Frame) -> Vec<u8> {
    let mut text = Vec::new();
    frame.write_to(&mut text);
    text
}

fn parse(text: &str) -> Payload {
    Payload::parse_frame(text, usize::MAX).expect("it is an array of strings")
}

/// Makes a client's payload.
fn payload(texts: &[String]) -> String {
    let messages = texts.iter().map(|text| text.as_str().into()).collect();
    Frame::Messages(messages).to_string()[1..].to_owned()
}

fn messages(count: usize) -> Vec<Message> {
    (0..count).map(|_| ascii(32).into()).collect()
}

fn callback() -> sockjs_core::Callback {
    sockjs_core::Callback::parse("_jp.a1b2c3d").expect("it is a name")
}

#[expect(
    clippy::disallowed_methods,
    reason = "there is no other first instant; time stands still after it"
)]
fn first_instant() -> Instant {
    Instant::now()
}
