//! What one session is told whose requests all go to different nodes.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, sleep, timeout};

use crate::http::{Response, request};
use crate::load::{Decoder, Frame, Transport};
use crate::site::Site;

pub(crate) async fn run(site: &Site) -> Result<()> {
    let checks = Checks { site };
    timeout(Duration::from_secs(60), async {
        checks
            .second_receiver()
            .await
            .context("a second receiver")?;
        checks
            .end_of_a_session()
            .await
            .context("the end of a session")?;
        checks
            .unknown_session()
            .await
            .context("an unknown session")?;
        checks.broken_payload().await.context("a broken payload")?;
        checks.large_message().await.context("a large message")?;
        checks.lost_client().await.context("a lost client")?;
        checks
            .changing_transports()
            .await
            .context("changing transports")
    })
    .await
    .context("the checks hang")??;
    println!("  a session whose requests go to different nodes is told the same as on one");
    Ok(())
}

struct Checks<'a> {
    site: &'a Site,
}

impl Checks<'_> {
    async fn send(&self, path: &str, body: &str) -> Result<u16> {
        let path = format!("{path}/xhr_send");
        Ok(request(self.site.port(), "POST", &path, body).await?.status)
    }

    async fn receive(&self, path: &str, transport: Transport) -> Result<Response> {
        let (method, end) = transport.receive();
        let path = format!("{path}/{end}");
        let response = request(self.site.port(), method, &path, "").await?;
        ensure!(response.status == 200, "{}", response.status);
        Ok(response)
    }

    /// Returns all frames of a response that ends.
    async fn frames(&self, path: &str, transport: Transport) -> Result<Vec<Frame>> {
        let body = self.receive(path, transport).await?.text().await?;
        Decoder::new(transport).decode(body.as_bytes())
    }

    async fn expect(&self, path: &str, transport: Transport, frame: Frame) -> Result<()> {
        let frames = self.frames(path, transport).await?;
        ensure!(frames == [frame], "{transport:?}: {frames:?}");
        Ok(())
    }

    /// More than one a node, so that all but one are relayed.
    async fn second_receiver(&self) -> Result<()> {
        let path = "/echo/000/second-receiver";
        let mut first = self.receive(path, Transport::XhrStreaming).await?;
        let mut decoder = Decoder::new(Transport::XhrStreaming);
        until(&mut first, &mut decoder, &Frame::Open).await?;
        for transport in Transport::HTTP {
            let reason = "Another connection still open".to_owned();
            self.expect(path, transport, Frame::Close(2010, reason))
                .await?;
        }
        ensure!(self.send(path, r#"["x"]"#).await? == 204);
        let message = Frame::Messages(vec!["x".to_owned()]);
        until(&mut first, &mut decoder, &message).await
    }

    async fn end_of_a_session(&self) -> Result<()> {
        let path = "/close/000/end-of-a-session";
        self.expect(path, Transport::Xhr, Frame::Open).await?;
        for transport in Transport::HTTP {
            let close = Frame::Close(3000, "Go away!".to_owned());
            self.expect(path, transport, close).await?;
            ensure!(self.send(path, r#"["x"]"#).await? == 404);
        }
        Ok(())
    }

    async fn unknown_session(&self) -> Result<()> {
        for _ in 0..3 {
            ensure!(self.send("/echo/000/unknown-session", r#"["x"]"#).await? == 404);
        }
        Ok(())
    }

    async fn broken_payload(&self) -> Result<()> {
        let path = "/echo/000/broken-payload";
        self.expect(path, Transport::Xhr, Frame::Open).await?;
        for body in ["", "[", "{}", "[1]"] {
            for _ in 0..3 {
                ensure!(self.send(path, body).await? == 500, "{body}");
            }
        }
        ensure!(self.send(path, r#"["x"]"#).await? == 204);
        let message = Frame::Messages(vec!["x".to_owned()]);
        self.expect(path, Transport::Xhr, message).await
    }

    async fn large_message(&self) -> Result<()> {
        for (i, transport) in Transport::HTTP.into_iter().enumerate() {
            let path = format!("/echo/000/large-message-{i}");
            self.expect(&path, Transport::Xhr, Frame::Open).await?;
            for _ in 0..3 {
                let text = "x".repeat(60_000);
                ensure!(self.send(&path, &format!("[\"{text}\"]")).await? == 204);
                self.expect(&path, transport, Frame::Messages(vec![text]))
                    .await?;
            }
        }
        Ok(())
    }

    /// The node that has the session hears it from the node that has the client.
    async fn lost_client(&self) -> Result<()> {
        for i in 0..3 {
            let path = format!("/echo/000/lost-client-{i}");
            self.expect(&path, Transport::Xhr, Frame::Open).await?;
            drop(self.receive(&path, Transport::XhrStreaming).await?);
            let since = Instant::now();
            // Sends are taken until then.
            while self.send(&path, "[]").await? == 204 {
                ensure!(
                    since.elapsed() < Duration::from_secs(3),
                    "nobody hears of it"
                );
                sleep(Duration::from_millis(20)).await;
            }
            let reason = "Connection interrupted".to_owned();
            self.expect(&path, Transport::Xhr, Frame::Close(1002, reason))
                .await?;
        }
        Ok(())
    }

    async fn changing_transports(&self) -> Result<()> {
        let path = "/echo/000/changing-transports";
        self.expect(path, Transport::Jsonp, Frame::Open).await?;
        for number in 0..4 {
            for transport in Transport::HTTP {
                let text = format!("{number} {}{}", transport.name(), "x".repeat(4096));
                ensure!(self.send(path, &format!("[\"{text}\"]")).await? == 204);
                self.expect(path, transport, Frame::Messages(vec![text]))
                    .await?;
            }
        }
        Ok(())
    }
}

/// Reads until a frame comes, which must be the next one.
async fn until(response: &mut Response, decoder: &mut Decoder, expected: &Frame) -> Result<()> {
    loop {
        let bytes = response.next().await?.context("the response is over")?;
        if let Some(frame) = decoder.decode(&bytes)?.first() {
            ensure!(frame == expected, "{frame:?} instead of {expected:?}");
            return Ok(());
        }
    }
}
