//! The code that the benches share: a herd to measure, an observer of its floods, a load of
//! reports, and percentiles.

mod herd_to_measure;
mod observer;
mod percentiles;
mod reports;

pub use herd_to_measure::{HerdToMeasure, is_measured};
pub use observer::Observer;
pub use percentiles::Percentiles;
pub use reports::Reports;
