//! The commands of `cargo xtask`, in the groups of its help. Only this module and `main` parse
//! arguments, write to standard output and choose exit codes.

mod arguments;
pub mod herd;
pub mod maintain;
pub mod measure;
mod print;
pub mod test;
