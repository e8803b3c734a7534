//! Percentiles of latencies, which criterion does not compute.

use std::io::Write;
use std::time::Duration;

use hdrhistogram::Histogram;
use xtask::load::Latency;

use crate::is_measured;

/// All latencies that a bench has measured, including the warm-up.
#[derive(Debug)]
pub struct Percentiles(Histogram<u64>);

/// The longest latency that is measured. Longer ones count as this.
const LONGEST: Duration = Duration::from_secs(60);

impl Default for Percentiles {
    fn default() -> Percentiles {
        let longest = LONGEST.as_nanos() as u64;
        Percentiles(Histogram::new_with_bounds(1, longest, 3).expect("the bounds of a histogram are valid"))
    }
}

impl Percentiles {
    /// Adds a latency.
    pub fn add(&mut self, took: Duration) {
        self.0.saturating_record(took.as_nanos() as u64);
    }

    /// Prints the percentiles below criterion's figures if the bench measures, and clears them.
    pub fn print(&mut self, what: &str) {
        if is_measured() && !self.0.is_empty() {
            // A closed standard output does not end the bench.
            let _ = writeln!(std::io::stdout(), "{:24}{what}: {}", "", Latency::of(&self.0));
        }
        self.0.reset();
    }
}
