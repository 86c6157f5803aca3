use crate::{connection::Connection, peer::Peer, request::Pending, response::Response, wire::Wire};

/// A client that receives frame after frame over one transport, with as many requests as it takes.
#[derive(Debug)]
pub struct Receiver {
    peer: Peer,
    wire: Wire,
    state: State,
}

impl Receiver {
    pub(crate) fn new(peer: Peer, wire: Wire) -> Self {
        Self {
            peer,
            wire,
            state: State::Idle,
        }
    }

    /// Reads the next frame, which is this one, byte for byte.
    pub async fn expect(&mut self, frame: &str) {
        let wire = self.wire;
        self.response().await.expect(wire.frame(frame)).await;
        self.finish_poll().await;
    }

    /// Reads the next frame; after the end of a response, from the next one.
    pub async fn next_frame(&mut self) -> String {
        let wire = self.wire;
        while self.response().await.at_end().await {
            self.state = State::Idle;
        }
        let frame = wire.next_frame(self.response().await).await;
        self.finish_poll().await;
        frame
    }

    /// Reads frames until `count` messages have come, and returns them.
    pub async fn messages(&mut self, count: usize) -> Vec<String> {
        let mut messages: Vec<String> = Vec::new();
        while messages.len() < count {
            let frame = self.next_frame().await;
            let array = frame
                .strip_prefix('a')
                .unwrap_or_else(|| panic!("messages: {frame}"));
            let array: Vec<String> = serde_json::from_str(array).expect("an array of strings");
            assert!(!array.is_empty(), "a frame without messages");
            messages.extend(array);
        }
        messages
    }

    /// Waits for the end of the response; of a polling transport there is nothing to wait for.
    pub async fn complete(&mut self) {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => {}
            State::Waiting(_) => panic!("the request is not answered"),
            State::Receiving(response) => response.end().await,
        }
    }

    /// Makes sure that a receive request is attached to the open session, with nothing to receive.
    ///
    /// A poll is answered when there is something to say, so nothing shows that it is attached but
    /// what another one is told.
    pub async fn attach(&mut self) {
        if self.wire.streams() {
            self.response().await;
            return;
        }
        assert!(matches!(self.state, State::Idle), "a request is on its way");
        let mut one = self.peer.receive(self.wire).start().await;
        let mut other = self.peer.receive(self.wire).start().await;
        let (attached, refused) = tokio::select! {
            () = one.answered() => (other, one),
            () = other.answered() => (one, other),
        };
        let refused = refused.response().await.text().await;
        assert_eq!(refused, self.wire.frame(ANOTHER_CONNECTION));
        self.state = State::Waiting(attached);
    }

    /// Takes the connection of the attached request, for a test that ends it in its own way.
    pub fn into_connection(self) -> Connection {
        match self.state {
            State::Idle => panic!("no request is attached"),
            State::Waiting(pending) => pending.into_connection(),
            State::Receiving(response) => response.into_connection(),
        }
    }

    /// Returns the response that is being received; asks for one when there is none.
    async fn response(&mut self) -> &mut Response<'static> {
        let state = std::mem::replace(&mut self.state, State::Idle);
        let response = match state {
            State::Receiving(response) => response,
            State::Waiting(pending) => self.begin(pending).await,
            State::Idle => self.begin(self.peer.receive(self.wire).start().await).await,
        };
        self.state = State::Receiving(response);
        match &mut self.state {
            State::Receiving(response) => response,
            _ => unreachable!("set above"),
        }
    }

    async fn begin(&self, pending: Pending<'static>) -> Response<'static> {
        let mut response = pending.response().await;
        assert_eq!(response.status, 200, "{response:?}");
        self.wire.expect_prelude(&mut response).await;
        response
    }

    /// A poll is over with its frame.
    async fn finish_poll(&mut self) {
        if !self.wire.streams() {
            self.complete().await;
        }
    }
}

/// What a second receive request is told.
const ANOTHER_CONNECTION: &str = r#"c[2010,"Another connection still open"]"#;

#[derive(Debug)]
enum State {
    Idle,
    Waiting(Pending<'static>),
    Receiving(Response<'static>),
}
