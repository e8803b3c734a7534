//! The harness around the herd: it starts nodes as real processes, plays scripted client sessions against
//! them, and measures. `cargo xtask` is its command line; tests and benches use the same parts.

mod admin;
mod against;
pub mod alerts;
mod cast;
pub mod chaos;
pub mod commands;
pub mod compare;
pub mod e2e;
mod finding;
pub mod flood;
pub mod foreign;
pub mod generator;
pub mod graphs;
mod health;
pub mod herd_file;
mod herd_program;
pub mod limits;
pub mod load;
mod log_file;
pub mod oracle;
pub mod output;
pub mod peers;
pub mod places_server;
pub mod places_stub;
pub mod ports;
pub mod processes;
pub mod prometheus;
pub mod proxy;
pub mod resilience;
pub mod session;
pub mod sim;
pub mod supervisor;
pub mod timeline;
pub mod turmoil;
mod usage;
pub mod workspace;
