//! One node as a real process.

mod admin;
mod journal;
mod links;
mod node;
mod places_faults;
mod places_limits;
mod support;
mod upstream;
