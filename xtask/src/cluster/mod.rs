//! Nodes as processes: the programs that run, the herd files and ports that they use, and what can
//! be observed of them from outside.

pub(crate) mod admin_client;
pub mod backbone;
pub mod bundled_guests;
pub mod demo_places;
pub(crate) mod event_reader;
pub mod former;
pub mod graphs;
pub mod guest_program;
pub(crate) mod health;
pub mod herd_file;
pub(crate) mod line_client;
pub(crate) mod log_file;
pub(crate) mod log_tail;
mod own_program;
pub mod parallel;
pub mod ports;
pub(crate) mod proc_usage;
pub mod processes;
pub mod proxy;
pub(crate) mod python_packages;
pub mod supervisor;
pub mod test_herd;
pub mod workspace;
