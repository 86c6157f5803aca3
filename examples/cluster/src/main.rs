//! A chat on three nodes: `cargo run -p cluster`, then open the address it prints in two browsers.
//!
//! The program starts itself three times, a Redis server, and a load balancer that sends each request to
//! the next node, whatever its session. `README.md` describes what there is to see.

mod balancer;
mod chat;
mod health;
mod launch;
mod name;
mod node;
mod page;
mod process;
#[cfg(test)]
mod tests;

use std::env;
use std::error::Error;
use std::process::ExitCode;

type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    // Set `RUST_LOG` to see more of what happens between the nodes.
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).init();

    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let ended = match args[..] {
        [] => launch::run().await,
        // For containers.
        ["node", name] => node::run(name, node::stopped()).await,
        // For `launch`.
        ["child", name] => node::run(name, node::stopped_or_orphaned()).await,
        ["guard", program, ref args @ ..] => process::guard(program, args).await,
        _ => Err("usage: cluster, or cluster node NAME".into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
