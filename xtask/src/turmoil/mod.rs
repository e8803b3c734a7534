//! The real shell on a simulated network and clock: what nodes do when a seed's plan happens to them, and what the oracle says of it.
//!
//! The plan is that of the simulator of the core, as far as such a network can follow it: a process that stops is one whose
//! messages are held, a crash keeps the disk or loses all of it, and disks do not fail. Everything runs in one thread, and all
//! chance is drawn from the seed; so a process that runs one seed always leaves the same history.
//!
//! All but the report is there with the feature `turmoil` only.

#[cfg(feature = "turmoil")]
mod clients;
#[cfg(feature = "turmoil")]
mod machine;
#[cfg(feature = "turmoil")]
mod network;
#[cfg(feature = "turmoil")]
mod one_seed;
mod report;
#[cfg(feature = "turmoil")]
mod world;

#[cfg(feature = "turmoil")]
pub use one_seed::OneSeed;
pub use report::Report;

/// After the last fault all nodes must know the same within so long.
#[cfg(feature = "turmoil")]
const SETTLES: std::time::Duration = std::time::Duration::from_secs(10);

/// A client waits so long for an answer.
#[cfg(feature = "turmoil")]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
