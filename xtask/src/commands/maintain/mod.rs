//! The group "Maintain": commands for the repository itself.

pub mod ci;
pub mod places_data;
