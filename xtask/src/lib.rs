//! The harness around the herd: it starts nodes as real processes, plays scripted client sessions
//! against them, breaks them on purpose, and measures them. `cargo xtask` is its command line;
//! tests and benches use the same parts.
//!
//! The rooms, from the lowest to the highest. A room uses those before it, never those after it:
//!
//! - [`text`]: tables and escapes for people who read;
//! - [`cluster`]: nodes as processes;
//! - [`session`], [`load`] and [`oracle`]: scripted clients, many clients, and what must be true of
//!   what clients saw;
//! - [`sim`], [`turmoil`] and [`chaos`]: herds with faults, in virtual time and in real time;
//! - [`dashboard`]: what the live page of a herd can ask of the harness;
//! - [`conformance`]: herds of others, judged rule by rule;
//! - [`measure`] and [`alerts`]: figures held against bounds, and alerts held against faults;
//! - [`package`]: what is installed elsewhere;
//! - [`docs`]: the book, and its checks against the project;
//! - [`commands`]: the command line, which alone knows its arguments, prints, and exits.

pub mod alerts;
pub mod chaos;
pub mod cluster;
pub mod commands;
pub mod conformance;
pub mod dashboard;
pub mod docs;
pub mod load;
pub mod measure;
pub mod oracle;
pub mod package;
pub mod session;
pub mod sim;
pub mod text;
pub mod turmoil;
