//! Measurements: the herd compared with other systems, under attack, and after faults, and what it
//! costs.

pub mod backbone_cost;
pub mod checks;
pub mod compare;
pub mod limits;
mod machine_info;
pub mod resilience;
