//! One node as a real process.

mod admin;
mod bad_input;
mod certificates;
mod journal;
mod limits;
mod links;
mod log_injection;
mod node;
mod places_faults;
mod places_limits;
mod removal;
mod support;
mod upstream;
