use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::desk::Desk;
use super::newcomers::Newcomers;
use super::watched::Watched;
use super::{CONNECTION_WINDOW, MAX_HEADERS, MAX_STREAMS, PING, PONG, SILENCE, STREAM_WINDOW};
use crate::meter;
use crate::throttle::Throttle;

/// Accepts connections of other nodes until `left` is true.
pub(crate) async fn serve(
    listener: TcpListener,
    desk: Arc<Desk>,
    newcomers: Arc<Newcomers>,
    mut left: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let for_all = left.clone();
    let throttle = Throttle::default();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((io, _)) => {
                    // Without it, small messages wait. A connection that is gone by now fails later.
                    let _ = io.set_nodelay(true);
                    let (desk, newcomers, left) = (desk.clone(), newcomers.clone(), for_all.clone());
                    connections.spawn(serve_connection(io, desk, newcomers, left));
                }
                Err(error) => {
                    if throttle.passes("accept") {
                        tracing::warn!(%error, "cannot accept a connection of another node");
                    }
                    // Too many open files, which lasts.
                    sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = wait(&mut left) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Answers the requests of one connection.
pub(crate) async fn serve_connection<I>(
    io: I,
    desk: Arc<Desk>,
    newcomers: Arc<Newcomers>,
    mut left: watch::Receiver<bool>,
) where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let newcomer = newcomers.enter();
    let service = {
        let newcomer = newcomer.clone();
        service_fn(move |request: Request<Incoming>| {
            let answer = desk.clone().answer(request, Some(newcomer.clone()));
            async move { Ok::<_, Infallible>(answer.await) }
        })
    };
    let io = TokioIo::new(Watched::new(io, SILENCE));
    let mut connection = pin!(builder().serve_connection(io, service));
    let is_proven = tokio::select! {
        _ = connection.as_mut() => return,
        proven = timeout(PROOF, newcomer.known()) => proven == Ok(true),
        () = wait(&mut left) => false,
    };
    if is_proven {
        let _counted = meter::Connection::from_peer();
        tokio::select! {
            _ = connection.as_mut() => return,
            () = wait(&mut left) => {}
        }
    }
    // What has been answered may still leave.
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ = timeout(FAREWELL, connection) => {}
        () = newcomer.pushed_out() => {}
    }
}

/// Waits until the node has left.
async fn wait(left: &mut watch::Receiver<bool>) {
    let _ = left.wait_for(|left| *left).await;
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEADERS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG)
        .max_send_buf_size(STREAM_WINDOW as usize)
        .auto_date_header(false)
        // Clients go away all the time, many at once when a network breaks, and so do sessions whose
        // clients still send. Both are resets of streams, and enough of them would end the connection,
        // with all streams of all other clients. Strangers get no further than their first request.
        .max_pending_accept_reset_streams(MAX_STREAMS as usize)
        .max_local_error_reset_streams(None);
    builder
}

/// How long a connection has to show that a node is at its other end.
const PROOF: Duration = Duration::from_secs(5);

/// How long the last responses may take after the node has left.
const FAREWELL: Duration = Duration::from_secs(2);

const PAUSE: Duration = Duration::from_millis(100);
