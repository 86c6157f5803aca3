//! What the send requests share: from a body to the session.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use bytes::BytesMut;
use http::request::Parts;
use sockjs_core::{CloseReason, PayloadError};

use super::buffer::{Buffer, Format};
use super::upload::{Deadline, Upload};
use crate::config::Config;
use crate::http::reject::Reject;
use crate::mount::{Mount, Relayed, Remote, Sending, Wanted};
use crate::peers::PeerError;
use crate::session::{SendQueue, SendRequest};

/// Who hears the answer to a send request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Audience {
    /// The page, which then knows that its messages are lost.
    Page,
    /// An invisible frame.
    Nobody,
}

/// Who took a send request.
pub(super) enum Sent {
    Here,
    /// The node that owns the session. It has answered.
    Elsewhere(Box<Relayed>),
}

/// Takes the body of a send request, checks it, and hands it to the session that the request wants.
///
/// A body is checked before the session is: a broken body is refused as broken, even if the session
/// does not exist.
pub(super) async fn send(
    mount: &Mount,
    parts: &Parts,
    upload: &mut Upload,
    wanted: &Wanted<'_>,
    format: Format,
    audience: Audience,
) -> Result<Sent, Reject> {
    let config = mount.config();
    let queue = match mount.find(parts, wanted).await {
        Ok(Sending::Queue(queue)) => queue,
        Ok(Sending::Elsewhere(remote)) => {
            // Boxed, because the future of every request would otherwise reserve space for it.
            return Box::pin(pass_on(*remote, upload))
                .await
                .map(Sent::Elsewhere);
        }
        Err(Reject::NoSession) => return Err(judge_stray(mount, upload, format).await),
        Err(reject) => return Err(reject),
    };
    if audience == Audience::Page {
        deliver(config, &queue, upload, format).await?;
        return Ok(Sent::Here);
    }
    let form = Form(Some(&queue));
    let result = deliver(config, &queue, upload, format).await;
    form.end(&result);
    result.map(|()| Sent::Here)
}

/// Passes the body of a send request on to the node that owns the session.
async fn pass_on(remote: Remote, upload: &mut Upload) -> Result<Box<Relayed>, Reject> {
    let mut buffer = BytesMut::new();
    let answer = remote.send(|cx| {
        let part = upload.poll_read(cx, &mut |bytes| buffer.extend_from_slice(bytes));
        part.map(|part| part.map(|part| part.map(|_| buffer.split().freeze())))
    });
    answer.await?.map(Box::new).map_err(|error| match error {
        PeerError::Lost => Reject::NoSession,
        PeerError::Unreachable => Reject::NodeUnreachable,
    })
}

/// A request whose answer nobody hears. If it is dropped, its connection broke, and its messages are lost.
struct Form<'a>(Option<&'a SendQueue>);

impl Form<'_> {
    /// Closes the session if the messages are lost. After a broken payload the session goes on, because
    /// there were no messages.
    fn end(mut self, result: &Result<(), Reject>) {
        let Some(queue) = self.0.take() else { return };
        match result {
            Err(Reject::BodyTooLarge | Reject::Payload(PayloadError::TooLong)) => {
                queue.refuse(CloseReason::TOO_LONG);
            }
            Err(Reject::SlowBody | Reject::TooManySendRequests) => {
                queue.refuse(CloseReason::INTERRUPTED);
            }
            Err(Reject::BrokenBody) => queue.lose(),
            _ => {}
        }
    }
}

impl Drop for Form<'_> {
    fn drop(&mut self) {
        if let Some(queue) = self.0 {
            queue.lose();
        }
    }
}

/// Reads a body beside those of other requests, and delivers its payload in turn.
async fn deliver(
    config: &Config,
    queue: &SendQueue,
    upload: &mut Upload,
    format: Format,
) -> Result<(), Reject> {
    let mut buffer = Buffer::new(format, config.body_limit);
    buffer.check_declared(upload)?;
    // One body that stalls cannot spend it.
    let budget = config
        .body_limit
        .saturating_add(config.session.receive_buffer());
    let mut sending = queue
        .enter(config.max_send_requests, budget)
        .ok_or(Reject::TooManySendRequests)?;
    {
        let mut read = pin!(read(config, upload, &mut buffer, &mut sending));
        let mut ended = pin!(queue.ended());
        poll_fn(|cx| match read.as_mut().poll(cx) {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => ended.as_mut().poll(cx).map(|()| Err(Reject::NoSession)),
        })
        .await?;
    }
    let turn = sending.turn().await.ok_or(Reject::NoSession)?;
    queue.room(&turn).await;
    let payload = buffer.into_payload(config.message_limit)?;
    queue.post(payload).map_err(|_| Reject::NoSession)
}

async fn read(
    config: &Config,
    upload: &mut Upload,
    buffer: &mut Buffer,
    sending: &mut SendRequest<'_>,
) -> Result<(), Reject> {
    let mut deadline = Deadline::new(&config.body_timeout);
    while !upload.is_at_end() {
        if !sending.is_admitted() {
            deadline.suspend(sending.admitted()).await;
        }
        read_part(upload, buffer, &mut deadline).await?;
        sending.hold(buffer.capacity());
    }
    Ok(())
}

/// Reads the body of a request without a session, as far as needed to tell a broken one from a good
/// one, and returns how to refuse it.
async fn judge_stray(mount: &Mount, upload: &mut Upload, format: Format) -> Reject {
    let config = mount.config();
    let mut buffer = Buffer::new(format, config.body_limit);
    if let Err(reject) = buffer.check_declared(upload) {
        return reject;
    }
    if upload
        .declared_len()
        .is_some_and(|len| len > MAX_STRAY as u64)
    {
        return Reject::NoSession;
    }
    let mut stray = mount.stray();
    let mut deadline = Deadline::new(&config.body_timeout);
    while !upload.is_at_end() {
        if let Err(reject) = read_part(upload, &mut buffer, &mut deadline).await {
            return reject;
        }
        if buffer.wire_len() > MAX_STRAY {
            return Reject::NoSession;
        }
        if !stray.hold(buffer.capacity()) {
            return Reject::TooManyStrayRequests;
        }
    }
    match buffer.into_payload(config.message_limit) {
        Ok(_) => Reject::NoSession,
        Err(reject) => reject,
    }
}

async fn read_part(
    upload: &mut Upload,
    buffer: &mut Buffer,
    deadline: &mut Deadline<'_>,
) -> Result<(), Reject> {
    let part = poll_fn(|cx| upload.poll_read(cx, &mut |bytes| buffer.push(bytes)));
    match deadline.limit(part).await {
        Ok(Some(part)) => deadline.handle_arrived(part?),
        Ok(None) => {}
        Err(reject) => {
            // It has had its time.
            upload.abandon();
            return Err(reject);
        }
    }
    buffer.check()
}

/// How many bytes of a body are read if its request has no session.
const MAX_STRAY: usize = 16 * 1024;
