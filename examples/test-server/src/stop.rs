//! How the server ends.

use std::io;
use std::time::Duration;

use sockjs_cluster::Cluster;
use test_server::TestServer;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

/// The end of the server, step by step.
pub(crate) struct Stop {
    server: TestServer,
    cluster: Option<Cluster>,
    grace: Duration,
    is_done: watch::Sender<bool>,
}

impl Stop {
    pub(crate) fn new(server: TestServer, cluster: Option<Cluster>, grace: Duration) -> Self {
        Self {
            server,
            cluster,
            grace,
            is_done: watch::Sender::new(false),
        }
    }

    /// Waits for a signal, and ends all sessions. The server must go on meanwhile, because clients and other
    /// nodes hear of that end through it.
    pub(crate) async fn run(self, mut signals: mpsc::Receiver<()>) {
        // The sender waits for signals as long as the process lives.
        signals.recv().await;
        tokio::select! {
            () = self.server.drain(self.grace) => {}
            _ = signals.recv() => {}
        }
        self.server.shut_down(DEADLINE).await;
        if let Some(cluster) = self.cluster {
            cluster.leave().await;
        }
        self.is_done.send_replace(true);
    }

    /// Waits until all sessions have ended, and for as long as the last responses may take.
    pub(crate) fn is_over(&self) -> impl Future<Output = ()> + use<> {
        let mut is_done = self.is_done.subscribe();
        async move {
            // It fails when `run` is over, which means the same.
            let _ = is_done.wait_for(|is_done| *is_done).await;
            sleep(LAST_RESPONSES).await;
        }
    }
}

/// Returns where a value arrives for each SIGTERM.
pub(crate) fn signals() -> io::Result<mpsc::Receiver<()>> {
    let (sender, receiver) = mpsc::channel(2);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::spawn(async move {
            while terminate.recv().await.is_some() {
                // Nobody needs to hear a third one.
                let _ = sender.try_send(());
            }
        });
    }
    #[cfg(not(unix))]
    tokio::spawn(async move {
        std::future::pending::<()>().await;
        drop(sender);
    });
    Ok(receiver)
}

/// How long sessions may take to hear that they are over.
const DEADLINE: Duration = Duration::from_secs(10);

const LAST_RESPONSES: Duration = Duration::from_secs(2);
