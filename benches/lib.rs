//! What the benches share: a herd to measure, an observer of its floods, and a load of reports.

mod herd_to_measure;
mod observer;
mod reports;

pub use herd_to_measure::HerdToMeasure;
pub use observer::Observer;
pub use reports::Reports;
