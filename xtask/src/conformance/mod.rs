//! The conformance suite: it judges herds that are not ours, in any language, rule by rule.
//!
//! A [`Guest`](guest_file::Guest) says how to run such a herd. Its nodes run cut off from the
//! network, beside a stub of the Places service. Each rule is judged by itself, and the
//! [`Report`](report::Report) says which rules hold, which fail, and what the likely cause is.

pub mod gradescope;
pub mod graphs;
pub mod guest_file;
pub mod herd;
pub mod init_guest;
pub mod matrix;
pub mod places;
pub mod report;
pub mod rules;
pub mod sandbox;
pub mod verdict;
