//! The group "Maintain": commands for the repository itself.

pub mod ci;
pub mod deb;
pub mod deploy_check;
pub mod docs;
pub mod image;
pub mod manuals;
pub mod osm;
pub mod page;
pub mod places_data;
pub mod words;
