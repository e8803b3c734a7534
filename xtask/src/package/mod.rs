//! What is installed elsewhere: container images of the node program.

mod blobs;
pub mod image;
mod static_program;
mod trial;

pub use static_program::static_program;
