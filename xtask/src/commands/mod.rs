//! What `cargo xtask` can do: one module a subcommand, or a few that belong together.

pub mod broadcast;
pub mod bugs;
pub mod chaos;
pub mod check_history;
pub mod ci;
pub mod control;
pub mod fuzz;
pub mod herd_up;
pub mod load;
pub mod logs;
pub mod mutants;
pub mod places_data;
pub mod say;
mod screen;
pub mod tap;
