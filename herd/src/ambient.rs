//! The two things that a node reads from its surroundings: the wall clock, and random numbers. With
//! the feature `turmoil` both come from the simulation, so that a run can be repeated.

#[cfg(not(feature = "turmoil"))]
pub use real::{now, random};
#[cfg(feature = "turmoil")]
pub use simulated::{now, random, seed};

#[cfg(not(feature = "turmoil"))]
mod real {
    use std::time::SystemTime;

    /// Returns the time of the system's wall clock.
    pub fn now() -> SystemTime {
        SystemTime::now()
    }

    /// Returns a random number; 0 if the system provides none.
    pub fn random() -> u64 {
        getrandom::u64().unwrap_or_default()
    }
}

#[cfg(feature = "turmoil")]
mod simulated {
    use std::cell::Cell;
    use std::time::{SystemTime, UNIX_EPOCH};

    use xxhash_rust::xxh3::xxh3_64_with_seed;

    thread_local! {
        static STATE: Cell<u64> = const { Cell::new(0) };
    }

    /// Restarts the sequence of random numbers for all nodes of this thread.
    pub fn seed(seed: u64) {
        STATE.set(seed);
    }

    /// Returns the time of the simulation's wall clock.
    pub fn now() -> SystemTime {
        UNIX_EPOCH + turmoil::since_epoch().unwrap_or_default()
    }

    /// Returns the next random number.
    pub fn random() -> u64 {
        let state = STATE.get().wrapping_add(1);
        STATE.set(state);
        xxh3_64_with_seed(&state.to_le_bytes(), 0)
    }
}
