//! One node as a real process.

mod admin;
mod journal;
mod node;
mod places_faults;
mod places_limits;
mod support;
mod upstream;
