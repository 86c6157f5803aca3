//! Clients that send numbered messages, and log what they see.

mod over_http;
mod over_websocket;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::log::{Kind, Leave, Log, NodeId, SessionId};
pub(crate) use wire::{Decoder, Frame, Transport};

/// What a client does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) transport: Transport,
    pub(crate) mount: &'static str,
    /// How long it waits between two messages.
    pub(crate) pace: Duration,
    /// Whether it leaves after a while, and comes back as another session.
    pub(crate) is_fickle: bool,
}

/// Clients at work. Each has one session after the other.
pub(crate) struct Load {
    clients: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Load {
    pub(crate) fn start(port: u16, log: &Log, plans: &[Plan]) -> Self {
        let (stop, stopped) = watch::channel(false);
        let sessions = Arc::new(AtomicUsize::new(0));
        let mut clients = JoinSet::new();
        for plan in plans.iter().copied() {
            let (log, stopped, sessions) = (log.clone(), stopped.clone(), sessions.clone());
            clients.spawn(async move {
                while !*stopped.borrow() {
                    let id = sessions.fetch_add(1, Ordering::Relaxed);
                    let client = Client::new(port, plan, id, log.clone(), stopped.clone());
                    match plan.transport {
                        Transport::WebSocket => over_websocket::run(client).await,
                        _ => over_http::run(client).await,
                    }
                    sleep(PAUSE).await;
                }
            });
        }
        Self { clients, stop }
    }

    /// Lets all clients get what they still wait for, and leave.
    pub(crate) async fn finish(self) {
        self.stop.send_replace(true);
        self.clients.join_all().await;
    }
}

/// One session of a client.
struct Client {
    port: u16,
    plan: Plan,
    id: SessionId,
    log: Log,
    stopped: watch::Receiver<bool>,
    began: Instant,
    progress: watch::Sender<Progress>,
}

/// How far a session is.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    is_open: bool,
    /// The number of the last message that came back.
    heard: u64,
}

/// What a client has to do about a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Next {
    GoOn,
    End,
}

impl Client {
    fn new(port: u16, plan: Plan, id: SessionId, log: Log, stopped: watch::Receiver<bool>) -> Self {
        log.add(id, Kind::Began(plan.transport.name()));
        Self {
            port,
            plan,
            id,
            log,
            stopped,
            began: Instant::now(),
            progress: watch::Sender::default(),
        }
    }

    fn log(&self, kind: Kind) {
        self.log.add(self.id, kind);
    }

    /// Returns a path below the session.
    fn path(&self, end: &str) -> String {
        let (mount, id, process) = (self.plan.mount, self.id, std::process::id());
        format!("{mount}/000/load-{process}-{id}/{end}")
    }

    fn text(&self, number: u64) -> String {
        format!(
            "{} {number} \"{}\" 100%",
            self.id,
            "x".repeat((number % 50) as usize)
        )
    }

    fn is_open(&self) -> bool {
        self.progress.borrow().is_open
    }

    /// Logs a frame that came through a node.
    fn see(&self, frame: Frame, through: Option<NodeId>) -> Next {
        match frame {
            Frame::Heartbeat => {}
            Frame::Open => {
                self.log(Kind::Opened(through.unwrap_or(NodeId::MAX)));
                self.progress
                    .send_modify(|progress| progress.is_open = true);
            }
            Frame::Messages(messages) => {
                for message in messages {
                    self.hear(&message);
                }
            }
            Frame::Close(code, _) if self.is_open() => {
                self.log(Kind::Closed { code, through });
                return Next::End;
            }
            Frame::Close(code, _) => {
                let status = Some(code);
                self.log(Kind::NotOpened(crate::log::Trouble { status, through }));
                return Next::End;
            }
        }
        Next::GoOn
    }

    fn hear(&self, message: &str) {
        let mut parts = message.split(' ').map(str::parse);
        let (Some(Ok(from)), Some(Ok(number))) = (parts.next(), parts.next()) else {
            panic!("the server makes up messages: {message:?}");
        };
        let from = from as SessionId;
        self.log(Kind::Received { from, number });
        if from == self.id {
            self.progress
                .send_modify(|progress| progress.heard = number);
        }
    }

    /// Waits until it is time for the next message. Returns `false` if the client wants to leave instead.
    async fn pause(&self) -> bool {
        let mut stopped = self.stopped.clone();
        // The pace of one is not that of all.
        let pace = self.plan.pace.mul_f64(0.7 + (self.id % 7) as f64 / 10.0);
        let is_stopped = timeout(pace, stopped.wait_for(|stopped| *stopped))
            .await
            .is_ok();
        let lifetime = Duration::from_secs(5 + (self.id as u64 * 7919) % 20);
        !(is_stopped || self.plan.is_fickle && self.began.elapsed() > lifetime)
    }

    /// Waits until everything that was taken has come back, and logs how the client leaves.
    async fn leave(&self, last: u64) {
        let mut progress = self.progress.subscribe();
        let answered = progress.wait_for(|progress| progress.heard >= last);
        let leave = match timeout(PATIENCE, answered).await {
            Ok(_) => Leave::Satisfied,
            Err(_) => Leave::Unanswered,
        };
        self.log(Kind::Left(leave));
    }
}

/// Returns the number of a node by its name at the load balancer.
fn node(name: Option<&str>) -> Option<NodeId> {
    name?.strip_prefix('n')?.parse().ok()
}

/// Between two sessions of a client.
const PAUSE: Duration = Duration::from_millis(200);

/// How long messages may be under way: longer than any node hangs.
const PATIENCE: Duration = Duration::from_secs(40);
