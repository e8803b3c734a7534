//! Test: play sessions, break herds, plant bugs, and check what happened.

pub mod broadcast;
pub mod bugs;
pub mod chaos;
pub mod check_history;
pub mod fuzz;
pub mod mutants;
