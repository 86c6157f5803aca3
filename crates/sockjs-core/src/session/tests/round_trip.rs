//! Properties of a session together with a client, a network, an application, and a driver that
//! keeps the contract: messages arrive at the other end, whatever happens between.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::trial::{any_config, any_time};
use super::*;
use crate::ResponseEncoder;

#[derive(Clone, Debug)]
enum Deed {
    Wait(Duration),
    /// Time passes, and the timer is late.
    Oversleep(Duration),
    /// The timer fires too early.
    FireEarly,
    /// The client sends a polling request, or a streaming request with this response limit.
    Poll,
    Stream(usize),
    /// The network takes no more bytes, takes some bytes, or takes all bytes again.
    Stall,
    Trickle,
    Flow,
    /// The connection breaks.
    Break,
    /// Bytes arrive from the client.
    Alive,
    Post(usize),
    Send(usize),
    Hear(usize),
    Close,
    Abort,
}

#[derive(Debug)]
struct World {
    bench: Bench,
    response: Option<Response>,
    /// Frames that the client got.
    received: Vec<String>,
    /// Payloads that the client has yet to post.
    to_post: VecDeque<Payload>,
    posted: usize,
    /// Messages that the application has yet to send.
    to_send: VecDeque<Message>,
    sent: usize,
    /// Whether a receiver was attached before the session was closed.
    opened: bool,
    heard: Vec<Event>,
}

/// The response to a receive request.
#[derive(Debug)]
struct Response {
    encoder: ResponseEncoder,
    /// Frames on their way to the client.
    buffer: String,
    network: Network,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Network {
    Flowing,
    Stalled,
}

impl World {
    fn new(config: SessionConfig) -> Self {
        Self {
            bench: Bench::with(config),
            response: None,
            received: Vec::new(),
            to_post: VecDeque::new(),
            posted: 0,
            to_send: VecDeque::new(),
            sent: 0,
            opened: false,
            heard: Vec::new(),
        }
    }

    fn run((config, deeds): &(SessionConfig, Vec<Deed>)) -> Self {
        let mut world = Self::new(config.clone());
        for deed in deeds {
            world.act(deed);
            world.drive();
        }
        world
    }

    fn act(&mut self, deed: &Deed) {
        match *deed {
            Deed::Wait(time) => self.wait(time),
            Deed::Oversleep(time) => {
                self.bench.now += time;
                self.wait(Duration::ZERO);
            }
            Deed::FireEarly => self.bench.session.handle_timeout(self.bench.now),
            Deed::Poll => self.request(ResponseEncoder::xhr()),
            Deed::Stream(limit) => self.request(ResponseEncoder::xhr_streaming(limit)),
            Deed::Stall => self.set_network(Network::Stalled),
            Deed::Trickle => {
                if self.response.as_ref().is_some_and(Response::is_writing) {
                    self.bench.session.handle_progress(self.bench.now);
                }
            }
            Deed::Flow => self.set_network(Network::Flowing),
            Deed::Break => {
                if self.response.take().is_some() {
                    self.bench.session.handle_lost();
                }
            }
            Deed::Alive => self.bench.session.handle_alive(),
            Deed::Post(count) => self.post(count),
            Deed::Send(length) => {
                let number = self.sent + self.to_send.len();
                self.to_send.push_back(format!("{number:x<length$}").into());
            }
            Deed::Hear(count) => self.hear(count),
            Deed::Close => self.bench.close(),
            Deed::Abort => self.bench.session.abort(TOO_LATE, Cause::ShuttingDown),
        }
    }

    /// Does what the contract requires after each input and command.
    fn drive(&mut self) {
        loop {
            self.offer();
            if !self.write() {
                break;
            }
        }
    }

    /// Lets time pass with a timer that is always on time.
    fn wait(&mut self, time: Duration) {
        let end = self.bench.now + time;
        while let Some(due) = self.bench.session.poll_timeout().filter(|&due| due <= end) {
            self.bench.now = self.bench.now.max(due);
            self.bench.session.handle_timeout(self.bench.now);
            self.drive();
            let next = self.bench.session.poll_timeout();
            assert!(
                next.is_none_or(|next| next > self.bench.now),
                "it is due for ever"
            );
        }
        self.bench.now = end;
    }

    fn request(&mut self, encoder: ResponseEncoder) {
        let state = self.bench.state();
        match self.bench.session.attach(self.bench.now) {
            Ok(()) => {
                self.opened |= state == SessionState::Connecting;
                assert!(self.response.is_none());
                self.response = Some(Response {
                    encoder,
                    buffer: String::new(),
                    network: Network::Flowing,
                });
            }
            Err(AttachError::Busy) => assert!(self.response.is_some()),
            Err(AttachError::Closed(reason)) => {
                assert_eq!(self.bench.reason(), Some(&reason));
            }
        }
    }

    fn set_network(&mut self, network: Network) {
        if let Some(response) = &mut self.response {
            response.network = network;
        }
    }

    fn post(&mut self, count: usize) {
        let first = self.posted + self.to_post.iter().map(Payload::len).sum::<usize>();
        let texts: Vec<_> = (first..first + count).map(|n| n.to_string()).collect();
        let json = serde_json::to_string(&texts).unwrap();
        self.to_post.push_back(payload(&json));
    }

    fn hear(&mut self, count: usize) {
        let events = std::iter::from_fn(|| self.bench.session.poll_event());
        self.heard.extend(events.take(count));
    }

    /// Offers the session the messages and payloads that have not been accepted yet.
    fn offer(&mut self) {
        while let Some(message) = self.to_send.pop_front() {
            match self.bench.session.send(self.bench.now, message) {
                Ok(()) => self.sent += 1,
                Err(SendError::Full(message)) => {
                    self.to_send.push_front(message);
                    break;
                }
                Err(SendError::Closed(_)) => self.to_send.clear(),
            }
        }
        while let Some(payload) = self.to_post.pop_front() {
            let count = payload.len();
            match self.bench.session.handle_payload(payload) {
                Ok(()) => self.posted += count,
                Err(ReceiveError::Full(payload)) => {
                    self.to_post.push_front(payload);
                    break;
                }
                Err(ReceiveError::NotOpen) => self.to_post.clear(),
            }
        }
    }

    /// Writes frames if the network is ready. Returns whether it took any.
    fn write(&mut self) -> bool {
        let Some(response) = &mut self.response else {
            return false;
        };
        if !response.is_writing() {
            while !response.encoder.is_complete() {
                let Some(frame) = self.bench.session.poll_frame(self.bench.now) else {
                    break;
                };
                let bytes = response.encoder.encode(&frame);
                response.buffer.push_str(&String::from_utf8(bytes).unwrap());
            }
        }
        let over = self.bench.session.ending().is_some();
        if over && !response.frames().any(|frame| frame.starts_with('c')) {
            self.response = None;
            return false;
        }
        if !response.is_writing() || response.network == Network::Stalled {
            return false;
        }
        self.received.extend(response.frames().map(str::to_owned));
        response.buffer.clear();
        self.bench.session.handle_flushed(self.bench.now);
        if response.encoder.is_complete() {
            self.response = None;
            self.bench.session.detach(self.bench.now);
        }
        true
    }

    /// Polls until all messages have arrived, then closes the session and polls until it ends.
    fn settle(&mut self) {
        self.set_network(Network::Flowing);
        self.drive();
        while self.bench.session.unsent() > 0 {
            self.poll();
        }
        self.bench.close();
        self.drive();
        while self.bench.session.ending().is_none() {
            self.poll();
        }
    }

    fn poll(&mut self) {
        let before = self.received.len();
        self.request(ResponseEncoder::xhr());
        self.drive();
        assert_eq!(self.received.len(), before + 1);
        assert!(before < 1000, "there is no end of frames");
    }

    /// Returns the messages that the client got.
    fn messages(&self) -> Vec<String> {
        let frames = self.received.iter();
        frames
            .filter_map(|frame| frame.strip_prefix('a'))
            .flat_map(|array| serde_json::from_str::<Vec<String>>(array).unwrap())
            .collect()
    }
}

impl Response {
    fn is_writing(&self) -> bool {
        !self.buffer.is_empty()
    }

    fn frames(&self) -> impl Iterator<Item = &str> {
        self.buffer.lines()
    }
}

proptest! {
    #[test]
    fn a_client_sees_one_session_across_all_its_requests(script in any_script()) {
        let mut world = World::run(&script);
        world.act(&Deed::Abort);
        let last = world.received.len().saturating_sub(1);
        for (i, frame) in world.received.iter().enumerate() {
            assert_eq!(frame.starts_with('o'), i == 0);
            assert!(!frame.starts_with('c') || i == last);
        }
    }

    #[test]
    fn a_client_gets_each_message_once_or_it_counts_as_undelivered(
        script in any_script(),
    ) {
        let mut world = World::run(&script);
        world.act(&Deed::Abort);
        let received = world.messages();
        assert!(received.iter().enumerate().all(|(i, text)| number(text) == i));
        assert_eq!(world.bench.undelivered(), Some(world.sent - received.len()));
    }

    #[test]
    fn a_client_that_keeps_polling_gets_every_message(script in any_script()) {
        let mut world = World::run(&script);
        if world.bench.session.ending().is_none() {
            world.settle();
            let received = world.messages();
            assert!(received.iter().enumerate().all(|(i, text)| number(text) == i));
            assert_eq!(received.len(), world.sent);
            assert_eq!(world.bench.undelivered(), Some(0));
            let reason = world.bench.reason().unwrap().clone();
            assert_eq!(world.received.last(), Some(&Frame::Close(reason).to_string()));
        }
    }

    #[test]
    fn the_application_gets_all_posted_messages_then_closed(script in any_script()) {
        let mut world = World::run(&script);
        world.act(&Deed::Abort);
        world.hear(world.posted + 3);
        let mut heard = world.heard.into_iter();
        if world.opened {
            assert_eq!(heard.next(), Some(Event::Opened));
        }
        for number in 0..world.posted {
            assert_eq!(heard.next(), Some(Event::Message(number.to_string().into())));
        }
        let ending = world.bench.session.ending().cloned();
        assert_eq!(heard.next(), ending.map(Event::Closed));
        assert_eq!(heard.next(), None);
    }
}

fn number(text: &str) -> usize {
    text.trim_end_matches('x').parse().unwrap()
}

fn any_script() -> impl Strategy<Value = (SessionConfig, Vec<Deed>)> {
    (any_config(), prop::collection::vec(any_deed(), 0..100))
}

/// Deeds that end a session are rare, so that most scripts are long.
fn any_deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        8 => any_time().prop_map(Deed::Wait),
        3 => any_time().prop_map(Deed::Oversleep),
        4 => Just(Deed::FireEarly),
        20 => Just(Deed::Poll),
        12 => (0..400_usize).prop_map(Deed::Stream),
        5 => Just(Deed::Stall),
        3 => Just(Deed::Trickle),
        10 => Just(Deed::Flow),
        1 => Just(Deed::Break),
        4 => Just(Deed::Alive),
        14 => (0..4_usize).prop_map(Deed::Post),
        20 => (0..300_usize).prop_map(Deed::Send),
        10 => (1..5_usize).prop_map(Deed::Hear),
        1 => Just(Deed::Close),
        1 => Just(Deed::Abort),
    ]
}
