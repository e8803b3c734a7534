//! What a mean does not tell: how long half, most and nearly all took.

use std::io::Write;
use std::time::Duration;

use hdrhistogram::Histogram;
use xtask::load::Latency;

use crate::is_measured;

/// Everything that one bench measured, warm-up and all.
#[derive(Debug)]
pub struct Percentiles(Histogram<u64>);

/// Nothing takes longer.
const LONGEST: Duration = Duration::from_secs(60);

impl Default for Percentiles {
    fn default() -> Percentiles {
        let longest = LONGEST.as_nanos() as u64;
        Percentiles(Histogram::new_with_bounds(1, longest, 3).expect("bounds that a histogram takes"))
    }
}

impl Percentiles {
    /// Notes how long something took.
    pub fn note(&mut self, took: Duration) {
        self.0.saturating_record(took.as_nanos() as u64);
    }

    /// Prints a line below what criterion says, when benches are measured, and begins anew.
    pub fn tell(&mut self, what: &str) {
        if is_measured() && !self.0.is_empty() {
            // Nobody need be reading.
            let _ = writeln!(std::io::stdout(), "{:24}{what}: {}", "", Latency::of(&self.0));
        }
        self.0.reset();
    }
}
