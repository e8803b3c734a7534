//! The commands of `cargo xtask`, in the groups of its help. Only this room and `main` know
//! arguments, standard output and exit codes.

pub mod herd;
pub mod maintain;
pub mod measure;
pub mod test;
