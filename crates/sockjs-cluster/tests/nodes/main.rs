//! Several nodes in one process, over a store in memory and a network in memory, with paused time.

mod bench;
mod clients;
mod faults;
mod leases;
mod limits;
mod network;
mod observability;
mod relaying;
mod security;
mod store;
mod topics;
