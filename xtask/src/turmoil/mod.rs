//! Runs the real server (`herd::server`) on the simulated network and clock of the crate `turmoil`,
//! and has the oracle check the history.
//!
//! The faults and lines come from a [`Plan`](crate::sim::plan::Plan), as in [`sim`](crate::sim),
//! with these differences: the messages of a stopped process are held, a crash keeps the disk or
//! loses all of it, disks do not fail, and no client is removed.
//!
//! A run has one thread and draws all random numbers from its seed, so a process that runs a seed
//! always leaves the same history. Each seed needs its own process, because the generators of
//! `herd::ambient` and `fastrand` are global. To run a seed again:
//!
//! ```text
//! cargo xtask chaos turmoil --first SEED --seeds 1
//! ```
//!
//! Everything but the report needs the feature `turmoil`.

#[cfg(feature = "turmoil")]
mod clients;
#[cfg(feature = "turmoil")]
mod host;
#[cfg(feature = "turmoil")]
mod link_faults;
#[cfg(feature = "turmoil")]
mod one_seed;
mod report;
#[cfg(feature = "turmoil")]
mod world;

#[cfg(feature = "turmoil")]
pub use one_seed::OneSeed;
pub use report::SeedReport;

/// The time after the last fault within which all nodes must agree.
#[cfg(feature = "turmoil")]
const SETTLES: std::time::Duration = std::time::Duration::from_secs(10);

/// The timeout of a client's connections and answers.
#[cfg(feature = "turmoil")]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
