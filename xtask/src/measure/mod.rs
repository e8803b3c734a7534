//! Measurements: the herd compared with other systems, under attack, and after faults.

pub mod checks;
pub mod compare;
pub mod limits;
mod machine_info;
pub mod resilience;
