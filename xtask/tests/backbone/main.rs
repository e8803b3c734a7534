//! Herds that real servers of the backbone join. Where the servers cannot be had, these tests say
//! so and pass.

mod commands;
mod joined;
mod recovery;
mod reports;
mod shards;
