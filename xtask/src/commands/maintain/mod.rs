//! The group "Maintain": commands for the repository itself.

pub mod ci;
pub mod docs;
pub mod osm;
pub mod page;
pub mod places_data;
pub mod words;
