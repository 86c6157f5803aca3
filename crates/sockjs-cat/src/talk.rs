use std::io::{self, ErrorKind, Write};
use std::pin::pin;

use anyhow::Context;
use sockjs_client::{CloseReason, Message, Sender};
use tokio::time::{Instant, sleep_until};

use crate::{Cli, input};

/// Moves lines and messages until the session is closed.
pub(crate) async fn run(cli: &Cli) -> anyhow::Result<CloseReason> {
    let client = cli.client().connect().await;
    let client = client.with_context(|| format!("cannot connect to {}", cli.url))?;
    eprintln!("open: {}", client.transport());
    let (sender, mut receiver) = client.split();

    let mut left = cli.count;
    let mut heard = Instant::now();
    let mut is_sending = true;
    let mut sending = pin!(send(cli, &sender));
    while left != Some(0) {
        tokio::select! {
            message = receiver.recv() => {
                let Some(message) = message else {
                    return Ok(sender.closed().await);
                };
                if !print(cli, &message)? {
                    break;
                }
                heard = Instant::now();
                left = left.map(|it| it - 1);
            }
            sent = &mut sending, if is_sending => {
                sent?;
                is_sending = false;
                heard = Instant::now();
            }
            () = sleep_until(heard + cli.wait), if !is_sending && left.is_none() => break,
        }
    }
    Ok(sender.close().await)
}

/// Sends each line of the input.
async fn send(cli: &Cli, sender: &Sender) -> anyhow::Result<()> {
    let mut lines = input::lines();
    while let Some(line) = lines.recv().await {
        let line = line.context("cannot read the input")?;
        let message = match cli.json {
            true => serde_json::from_str(&line).context("a line is not a JSON string")?,
            false => line,
        };
        if sender.send(message).await.is_err() {
            // Who receives will see why.
            break;
        }
    }
    Ok(())
}

/// Prints a message. Returns whether anybody reads.
fn print(cli: &Cli, message: &Message) -> anyhow::Result<bool> {
    let mut line = match cli.json {
        true => serde_json::to_string(&**message)?,
        false => message.to_string(),
    };
    line.push('\n');
    let mut output = io::stdout().lock();
    match output
        .write_all(line.as_bytes())
        .and_then(|()| output.flush())
    {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("cannot write the output"),
    }
}
