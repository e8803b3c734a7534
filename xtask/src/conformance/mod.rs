//! The conformance suite: it judges herds that are not ours, in any language, rule by rule.
//!
//! A [`Guest`](guest_file::Guest) says how to run such a herd. [`run`] copies it and starts a judge
//! for it: a process that is cut off from the network, with a stub of the Places service beside it.
//! The judge starts the guest's nodes and tries the [`rules`] one by one, and the
//! [`Report`](report::Report) says which hold, which fail, and what the likely cause is.

pub mod all;
pub mod answer;
pub mod at_line;
pub mod case;
pub mod client;
pub mod client_report;
pub mod form;
pub mod gradescope;
pub mod graphs;
pub mod guest_file;
pub mod herd;
pub mod hidden;
pub mod hints;
pub mod init_guest;
mod judge;
pub mod matrix;
mod message;
pub mod out_folder;
pub mod places;
pub mod report;
pub mod rules;
pub mod run;
pub mod sandbox;
pub mod self_test;
pub mod sessions;
pub mod transcript;
pub mod verdict;
