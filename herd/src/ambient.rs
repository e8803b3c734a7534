//! What a node takes from around it without asking anybody: the wall clock, and chance. With the feature `turmoil` both are the
//! simulation's, so that a run can be had again.

#[cfg(not(feature = "turmoil"))]
pub use real::{now, random};
#[cfg(feature = "turmoil")]
pub use simulated::{now, random, seed};

#[cfg(not(feature = "turmoil"))]
mod real {
    use std::time::SystemTime;

    /// What the clock shows.
    pub fn now() -> SystemTime {
        SystemTime::now()
    }

    /// Any number; 0 when the system gives none.
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

    /// Has all nodes of this thread draw the same numbers again.
    pub fn seed(seed: u64) {
        STATE.set(seed);
    }

    /// What the simulation's clock shows.
    pub fn now() -> SystemTime {
        UNIX_EPOCH + turmoil::since_epoch().unwrap_or_default()
    }

    /// The next number.
    pub fn random() -> u64 {
        let state = STATE.get().wrapping_add(1);
        STATE.set(state);
        xxh3_64_with_seed(&state.to_le_bytes(), 0)
    }
}
