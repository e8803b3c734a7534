//! One node as a real process.

mod addresses;
mod admin;
mod bad_input;
mod certificates;
mod journal;
mod limits;
mod links;
mod log;
mod log_backlog;
mod log_injection;
mod metrics;
mod node;
mod patience;
mod places_breaker;
mod places_budget;
mod places_connections;
mod places_counts;
mod places_faults;
mod places_key;
mod places_limits;
mod removal;
mod rivals;
mod secrets;
mod service_manager;
mod support;
mod upstream;
