//! Maintain this repository.

pub mod ci;
pub mod docs;
pub mod places_data;
pub mod words;
