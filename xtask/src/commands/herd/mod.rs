//! Run a herd: start its nodes, look at them, talk to them, stop them.

pub mod control;
pub mod logs;
pub mod say;
mod screen;
pub mod tap;
pub mod up;
