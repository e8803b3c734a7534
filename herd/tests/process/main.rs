//! One node as a real process.

mod admin;
mod bad_input;
mod certificates;
mod journal;
mod limits;
mod links;
mod log_injection;
mod node;
mod patience;
mod places_budget;
mod places_connections;
mod places_faults;
mod places_key;
mod places_limits;
mod removal;
mod rivals;
mod secrets;
mod support;
mod upstream;
