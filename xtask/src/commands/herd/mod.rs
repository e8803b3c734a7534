//! The group "Run a herd": commands that start, show, restart and stop its nodes, and talk to them.

mod browser;
pub mod control;
pub mod dashboard;
mod detach;
pub mod log_lines;
pub mod logs;
mod peer;
pub mod say;
mod status_table;
pub mod tap;
pub mod up;
mod watch;
