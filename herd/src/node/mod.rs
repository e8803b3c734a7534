//! What a node knows and decides. No socket, no task, no clock, no randomness.

mod limits;

pub use limits::{Limits, parse_duration_or_off};
