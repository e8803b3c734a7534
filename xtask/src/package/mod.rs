//! What is installed elsewhere: packages and container images of the node program, and the chart
//! that runs them.

mod bill;
mod blobs;
mod chart;
mod debian;
pub mod image;
mod static_program;
mod trial;

pub use bill::write_bill_of_materials;
pub use chart::ChartTools;
pub use debian::{make_package, try_package};
pub use static_program::static_program;
