//! One node of a server herd.
//!
//! A herd is a handful of nodes that accept location reports from mobile clients as lines of text
//! over TCP, flood them to each other, and answer what is near a client. The core has three layers;
//! each uses only the layers above it in this table:
//!
//! | module | what it is |
//! |---|---|
//! | [`message`] | the language: bytes to values and back, pure |
//! | [`node`] | the state of a node, pure: the table of clients, its change log, the links |
//! | [`server`] | the shell around them: sockets, tasks, clocks, shutdown |
//!
//! The other modules serve these: [`journal`] keeps a node's records on disk, [`config`] reads herd
//! files, [`places`] asks a Places service what is near, [`net`] names the socket types, [`tls`]
//! handles certificates, [`telemetry`] sets up the log, [`ambient`] provides the wall clock and
//! random numbers, [`printable`] escapes text from outside, and [`nearest`] corrects misspelt
//! names. [`bug`] plants bugs on purpose, to test the tests.
//!
//! Items that need sockets, files or a running node have no examples; the tests of this crate use
//! them.

pub mod ambient;
pub mod bug;
pub mod config;
pub mod journal;
pub mod message;
pub mod nearest;
pub mod net;
pub mod node;
pub mod places;
pub mod printable;
mod repeats;
mod secret_file;
pub mod server;
pub mod telemetry;
pub mod tls;
