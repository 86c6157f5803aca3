use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use redis::Pipeline;
use redis::aio::MultiplexedConnection;
use tokio::sync::{Notify, oneshot};
use tokio::time::sleep;

use super::server::{Connector, PING_INTERVAL, Purpose, Server, Task};
use crate::store::future::Unavailable;
use crate::store::inbox::cost;
use crate::store::meter;
use crate::throttle::Throttle;

/// Publishes messages, in order, on a connection of its own.
///
/// What waits while the server answers goes out together afterwards.
pub(super) struct Publisher {
    outbox: Arc<Outbox>,
    _task: Task,
}

struct Outbox {
    queue: Mutex<Queue>,
    arrival: Notify,
}

struct Queue {
    letters: VecDeque<Letter>,
    /// What the letters count that wait or are in flight.
    bytes: usize,
    is_connected: bool,
}

struct Letter {
    channel: Vec<u8>,
    message: Bytes,
    /// Hears that the server has the letter, and is dropped otherwise.
    done: oneshot::Sender<()>,
}

impl Publisher {
    pub(super) fn new(server: Arc<Server>) -> Self {
        let outbox = Arc::new(Outbox {
            queue: Mutex::new(Queue {
                letters: VecDeque::new(),
                bytes: 0,
                // The first letters may wait for the first connection.
                is_connected: true,
            }),
            arrival: Notify::new(),
        });
        let task = Task::spawn(keep_connected(server, outbox.clone()));
        Self {
            outbox,
            _task: task,
        }
    }

    pub(super) fn publish(
        &self,
        channel: Vec<u8>,
        message: Bytes,
    ) -> Result<oneshot::Receiver<()>, Unavailable> {
        let (done, outcome) = oneshot::channel();
        let letter = Letter {
            channel,
            message,
            done,
        };
        let is_taken = self.outbox.lock().put(letter);
        if is_taken {
            self.outbox.arrival.notify_one();
            Ok(outcome)
        } else {
            meter::lost("not_published");
            Err(Unavailable)
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.outbox.lock().is_connected
    }
}

impl Outbox {
    /// Takes letters that go out together. Nothing is taken if the future is dropped.
    async fn batch(&self) -> Vec<Letter> {
        loop {
            let batch = self.lock().batch();
            if !batch.is_empty() {
                return batch;
            }
            self.arrival.notified().await;
        }
    }

    fn connected(&self) {
        self.lock().is_connected = true;
    }

    /// Gives up what waits.
    fn disconnected(&self) {
        let mut queue = self.lock();
        queue.is_connected = false;
        let letters = std::mem::take(&mut queue.letters);
        let bytes: usize = letters.iter().map(Letter::cost).sum();
        queue.bytes -= bytes;
        drop(queue);
        letters.iter().for_each(|_| meter::lost("not_published"));
        // Those who wait for the letters are woken here, without the lock.
        drop(letters);
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Returns whether there is a connection and room. A letter that is alone always has room.
    fn put(&mut self, letter: Letter) -> bool {
        let cost = letter.cost();
        let is_full = self.bytes > 0 && self.bytes + cost > OUTBOX_BYTES;
        if is_full || !self.is_connected {
            return false;
        }
        self.bytes += cost;
        self.letters.push_back(letter);
        true
    }

    fn batch(&mut self) -> Vec<Letter> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some(letter) = self.letters.front() {
            bytes += letter.cost();
            if !batch.is_empty() && bytes > BATCH_BYTES {
                break;
            }
            batch.extend(self.letters.pop_front());
        }
        batch
    }
}

impl Letter {
    fn cost(&self) -> usize {
        cost(&self.channel, &self.message)
    }
}

async fn keep_connected(server: Arc<Server>, outbox: Arc<Outbox>) {
    let mut connector = Connector::new(Purpose::Publishing);
    let throttle = Throttle::default();
    loop {
        let connect = || server.connect(ANSWER_TIMEOUT, |_| {});
        let give_up = || outbox.disconnected();
        let link = connector.connect(connect, give_up).await;
        outbox.connected();
        loop {
            tokio::select! {
                () = link.ended() => break,
                batch = outbox.batch() => {
                    if !send(link.connection.clone(), batch, &outbox, &throttle).await {
                        break;
                    }
                },
                () = sleep(PING_INTERVAL) => if link.ping().await.is_err() {
                    break;
                },
            }
        }
        outbox.disconnected();
    }
}

/// Sends letters, once. Returns whether the connection is of use.
async fn send(
    mut connection: MultiplexedConnection,
    batch: Vec<Letter>,
    outbox: &Outbox,
    throttle: &Throttle,
) -> bool {
    let bytes: usize = batch.iter().map(Letter::cost).sum();
    let mut commands = Pipeline::with_capacity(batch.len());
    for letter in &batch {
        commands.cmd("PUBLISH").arg(&letter.channel);
        commands.arg(&letter.message[..]).ignore();
    }
    let outcome = commands.exec_async(&mut connection).await;
    outbox.lock().bytes -= bytes;
    match outcome {
        Ok(()) => {
            for letter in batch {
                // Nobody may be interested any more.
                let _ = letter.done.send(());
            }
            true
        }
        Err(error) => {
            if throttle.passes("not_published") {
                tracing::warn!(%error, messages = batch.len(), "messages were not published");
            }
            batch.iter().for_each(|_| meter::lost("not_published"));
            !error.is_unrecoverable_error() && !error.is_timeout()
        }
    }
}

/// How many bytes wait or are in flight, at most. Each message counts 128 bytes more than its text and channel.
const OUTBOX_BYTES: usize = 8 << 20;

/// How many bytes go out together. While they are in flight, they are in memory three times.
const BATCH_BYTES: usize = 1 << 20;

/// For how long an answer is waited for. A message of many megabytes takes its time.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
