//! One node as a real process.

mod node;
mod places_faults;
mod support;
