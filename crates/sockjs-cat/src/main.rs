//! Talks to a SockJS server from a terminal: each line of the input is a message, and each message is
//! a line of the output. What happens to the session is told on standard error.

mod exit;
mod input;
mod talk;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use sockjs_client::{Builder, Client, Transport};

/// Talks to a SockJS server: lines in, lines out.
///
/// At the end of the input, the session is closed when no message has arrived for a while (--wait).
#[derive(Debug, Parser)]
#[command(after_help = exit::HELP)]
struct Cli {
    /// The URL of a mount, as the JavaScript client gets it: http://localhost:8081/echo
    url: String,

    /// Use this transport only, or try several in this order: websocket, xhr-streaming, eventsource,
    /// xhr-polling
    #[arg(short, long = "transport", value_name = "NAME", value_parser = transport)]
    transports: Vec<Transport>,

    /// Add a header to each request
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,

    /// Connect to the raw WebSocket of the mount
    #[arg(long, conflicts_with = "transports")]
    raw: bool,

    /// Read and write each message as a JSON string, so that it may contain line breaks
    #[arg(long)]
    json: bool,

    /// Close after so many messages from the server
    #[arg(long, value_name = "MESSAGES")]
    count: Option<u64>,

    /// After the end of the input, close when no message has arrived for so long
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    wait: Duration,
}

impl Cli {
    fn client(&self) -> Builder {
        let mut client = Client::builder(&self.url);
        if self.raw {
            client = client.transport(Transport::RawWebSocket);
        } else if !self.transports.is_empty() {
            client = client.transports(self.transports.iter().copied());
        }
        self.headers
            .iter()
            .fold(client, |client, (name, value)| client.header(name, value))
    }
}

// Output that the terminal does not take must not keep the client from answering heartbeats, so that
// it needs a thread of its own.
#[tokio::main(worker_threads = 1)]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match talk::run(&cli).await {
        Ok(reason) => {
            eprintln!("closed: {} {}", reason.code(), reason.reason());
            exit::code(reason.code()).into()
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn transport(name: &str) -> Result<Transport, String> {
    let mut all = Client::TRANSPORTS.into_iter();
    all.find(|it| it.as_str() == name).ok_or_else(|| {
        let names: Vec<_> = Client::TRANSPORTS.iter().map(|it| it.as_str()).collect();
        format!("not one of {}", names.join(", "))
    })
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("it has no colon")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn values_are_checked() {
        assert_eq!(transport("xhr-polling"), Ok(Transport::Xhr));
        assert!(transport("jsonp-polling").is_err());
        assert_eq!(header("A: b:c "), Ok(("A".into(), "b:c".into())));
        assert!(header("A").is_err());
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert!(seconds("-1").is_err());
    }
}
