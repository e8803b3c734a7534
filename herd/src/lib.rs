//! One node of a server herd.
//!
//! A herd is a handful of nodes that take location reports from mobile clients as lines of text over TCP,
//! flood them to each other, and answer what is near a client. Three layers, with imports only downwards:
//!
//! | module | what it is |
//! |---|---|
//! | [`message`] | the language: bytes to values and back, pure |
//! | [`node`] | what a node knows and decides, pure: the table, its change log, the links |
//! | [`server`] | the shell around them: sockets, tasks, clocks, shutdown |
//!
//! Beside them: [`journal`] keeps what a node knows on disk, [`config`] reads herd files, [`places`] asks for what is near, [`net`] names the socket types, [`ambient`] is the clock and chance,
//! [`tls`] knows certificates, [`telemetry`] sets up the log, [`printable`] shows text from outside,
//! [`nearest`] guesses what somebody meant.

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
pub mod server;
pub mod telemetry;
pub mod tls;
