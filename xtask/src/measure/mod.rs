//! Figures: the herd beside other systems, and what it has left under attack and after faults.

pub mod checks;
pub mod compare;
pub mod limits;
mod machine;
pub mod resilience;
