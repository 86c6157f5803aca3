//! Several nodes in one process, over a store in memory and a network in memory, with paused time.

#![expect(clippy::unwrap_used, reason = "every line of these files is a test's")]

mod bench;
mod clients;
mod faults;
mod leases;
mod network;
mod observability;
mod relaying;
mod security;
mod store;
mod topics;
