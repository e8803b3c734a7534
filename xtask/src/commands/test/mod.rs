//! The group "Test": commands that play sessions, break herds, plant bugs, and check histories.

pub mod alerts;
pub mod broadcast;
pub mod bugs;
pub mod chaos;
pub mod check_history;
pub mod conformance;
pub mod e2e;
pub mod fuzz;
pub mod mutants;
