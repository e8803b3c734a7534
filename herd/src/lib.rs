//! One node of a server herd.

pub mod config;
pub mod message;
pub mod node;
