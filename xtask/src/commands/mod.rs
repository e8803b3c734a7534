//! The commands of `cargo xtask`, in the groups of its help. Only this room and `main` know
//! arguments, standard output and exit codes.

mod arguments;
pub mod herd;
pub mod maintain;
pub mod measure;
mod print;
pub mod test;
