//! Measures SockJS servers, checks what they answer, and compares ours with others.

mod broadcast;
mod check;
mod children;
mod churn;
mod client;
mod compare;
mod connects;
mod document;
mod http2;
mod idle;
mod in_memory;
mod latency;
mod load;
mod machine;
mod meter;
mod polled;
mod process;
mod relay;
mod report;
mod scale;
mod server;
mod slow;
mod stats;
mod stream;
mod target;
mod transport;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(server::Command),
    Load(load::Command),
    Latency(latency::Command),
    Connects(connects::Command),
    Broadcast(broadcast::Command),
    Idle(idle::Command),
    Churn(churn::Command),
    Slow(slow::Command),
    InMemory(in_memory::Command),
    Compare(compare::Command),
    Scale(scale::Command),
    Relay(relay::Command),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    // Every session is a descriptor, and most systems allow few unless asked. Where they refuse,
    // opening too many says so.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    match cli.command {
        Command::Serve(command) => server::run(&command),
        Command::Load(command) => block_on(load::run(command)),
        Command::Latency(command) => block_on(latency::run(command)),
        Command::Connects(command) => block_on(connects::run(command)),
        Command::Broadcast(command) => block_on(broadcast::run(command)),
        Command::Idle(command) => block_on(idle::run(command)),
        Command::Churn(command) => block_on(churn::run(command)),
        Command::Slow(command) => block_on(slow::run(command)),
        Command::InMemory(command) => block_on(in_memory::run(command)),
        Command::Compare(command) => compare::run(&command),
        Command::Scale(command) => scale::run(&command),
        Command::Relay(command) => relay::run(&command),
    }
}

/// Runs a command on this thread alone: the generator has one core.
fn block_on(command: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(command)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
