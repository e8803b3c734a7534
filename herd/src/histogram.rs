//! Histograms of durations, which cost two additions for each record.
//!
//! The buckets are fixed. Native histograms of Prometheus, which need no bounds, exist only in its
//! protobuf format, and neither of the text formats can express them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Serialize, Serializer};

/// The upper bounds of a histogram's buckets, in microseconds and in order.
pub(crate) type Bounds = &'static [u64];

/// Bounds for what takes microseconds if all is well: 10 µs to 10 s.
pub(crate) const QUICK: Bounds = &[
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// Bounds for requests over the internet: 1 ms to 10 s.
pub(crate) const REQUESTS: Bounds = &[
    1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000,
];

/// Bounds for the ages of updates: 100 µs to 10 s and, for those that waited for a broken link, a
/// minute to a day.
pub(crate) const AGES: Bounds = &[
    100,
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    60_000_000,
    600_000_000,
    3_600_000_000,
    86_400_000_000,
];

/// Durations, counted by buckets. Threads record concurrently.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: Bounds,
    /// The number of durations in each bucket; the last bucket has no upper bound.
    counts: Box<[AtomicU64]>,
    /// The sum of all durations. In 64 bits, microseconds last for centuries even if a million
    /// lines a second take a millisecond each; nanoseconds would not.
    microseconds: AtomicU64,
}

impl Histogram {
    pub(crate) fn new(bounds: Bounds) -> Histogram {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Histogram { bounds, counts, microseconds: AtomicU64::new(0) }
    }

    /// Records `times` equal durations.
    pub(crate) fn record(&self, duration: Duration, times: u64) {
        let nanoseconds = duration.as_nanos();
        let bucket = self.bounds.partition_point(|bound| u128::from(*bound) * 1_000 < nanoseconds);
        self.counts[bucket].fetch_add(times, Ordering::Relaxed);
        let sum = nanoseconds.saturating_mul(u128::from(times)).saturating_add(500) / 1_000;
        self.microseconds.fetch_add(u64::try_from(sum).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn distribution(&self) -> Distribution {
        let mut count = 0;
        let bounds = self.bounds.iter().map(|bound| *bound as f64 / 1e6).chain([f64::INFINITY]);
        let buckets = bounds.zip(&self.counts).map(|(bound, more)| {
            count += more.load(Ordering::Relaxed);
            (bound, count)
        });
        let buckets = buckets.collect();
        Distribution { buckets, sum_seconds: self.microseconds.load(Ordering::Relaxed) as f64 / 1e6 }
    }
}

/// The content of a histogram at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Distribution {
    /// The upper bound of each bucket in seconds, infinite at last, and the number of durations
    /// that are not longer.
    pub(crate) buckets: Vec<(f64, u64)>,
    pub(crate) sum_seconds: f64,
}

impl Distribution {
    pub(crate) fn count(&self) -> u64 {
        self.buckets.last().map_or(0, |(_, count)| *count)
    }

    /// The sum of the distributions of histograms with these bounds.
    pub(crate) fn sum<'a>(
        bounds: Bounds,
        distributions: impl IntoIterator<Item = &'a Distribution>,
    ) -> Distribution {
        let mut sum = Histogram::new(bounds).distribution();
        for other in distributions {
            sum.sum_seconds += other.sum_seconds;
            for ((_, count), (_, more)) in sum.buckets.iter_mut().zip(&other.buckets) {
                *count += more;
            }
        }
        sum
    }

    /// Estimates a quantile in seconds, as Prometheus does: a bucket's durations are assumed to be
    /// spread evenly, and one beyond the last bound is reported as that bound. `None` if there are
    /// no durations.
    pub(crate) fn quantile(&self, quantile: f64) -> Option<f64> {
        let rank = quantile * self.count() as f64;
        let mut lower = (0.0, 0);
        for &(bound, count) in &self.buckets {
            if count > 0 && count as f64 >= rank {
                if bound.is_infinite() {
                    return Some(lower.0);
                }
                let part = (rank - lower.1 as f64) / (count - lower.1).max(1) as f64;
                return Some(lower.0 + part * (bound - lower.0));
            }
            lower = (bound, count);
        }
        None
    }
}

/// The JSON of a node's status. An infinite bound is null.
impl Serialize for Distribution {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Json<'a> {
            count: u64,
            sum_seconds: f64,
            p50_seconds: Option<f64>,
            p99_seconds: Option<f64>,
            buckets: &'a [(f64, u64)],
        }
        let json = Json {
            count: self.count(),
            sum_seconds: self.sum_seconds,
            p50_seconds: self.quantile(0.5),
            p99_seconds: self.quantile(0.99),
            buckets: &self.buckets,
        };
        json.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = &[1_000, 10_000];

    #[test]
    fn a_duration_is_in_the_first_bucket_whose_bound_it_does_not_exceed() {
        let histogram = Histogram::new(BOUNDS);
        histogram.record(Duration::ZERO, 0);
        assert_eq!(histogram.distribution().count(), 0);
        histogram.record(Duration::from_millis(1), 2);
        histogram.record(Duration::from_nanos(1_000_001), 3);
        histogram.record(Duration::MAX, 1);
        let buckets = histogram.distribution().buckets;
        assert_eq!(buckets, [(0.001, 2), (0.01, 5), (f64::INFINITY, 6)]);
    }

    #[test]
    fn the_sum_is_rounded_for_each_record_and_not_for_each_duration() {
        let histogram = Histogram::new(BOUNDS);
        histogram.record(Duration::from_nanos(300), 1_000);
        histogram.record(Duration::from_nanos(1_499), 1);
        assert_eq!(histogram.distribution().sum_seconds, 0.000_301);
    }

    #[test]
    fn a_quantile_lies_between_the_bounds_of_its_bucket() {
        let histogram = Histogram::new(BOUNDS);
        assert_eq!(histogram.distribution().quantile(0.5), None);
        histogram.record(Duration::from_millis(5), 100);
        let quantile = histogram.distribution().quantile(0.5).unwrap();
        assert!((quantile - 0.0055).abs() < 1e-12, "{quantile}");
        histogram.record(Duration::from_millis(1), 100);
        assert_eq!(histogram.distribution().quantile(0.5), Some(0.001));
        assert_eq!(histogram.distribution().quantile(0.25), Some(0.0005));
        histogram.record(Duration::from_secs(1), 100);
        assert_eq!(histogram.distribution().quantile(0.99), Some(0.01));
    }

    #[test]
    fn distributions_add_up() {
        let (one, other) = (Histogram::new(BOUNDS), Histogram::new(BOUNDS));
        one.record(Duration::from_millis(1), 1);
        other.record(Duration::from_millis(2), 2);
        let sum = Distribution::sum(BOUNDS, &[one.distribution(), other.distribution()]);
        assert_eq!(sum.buckets, [(0.001, 1), (0.01, 3), (f64::INFINITY, 3)]);
        assert_eq!(sum.sum_seconds, 0.005);
    }

    #[test]
    fn in_json_the_last_bound_is_null() {
        let histogram = Histogram::new(BOUNDS);
        let json = serde_json::to_value(histogram.distribution()).unwrap();
        assert_eq!(json["buckets"], serde_json::json!([[0.001, 0], [0.01, 0], [null, 0]]));
        assert!(json["p50_seconds"].is_null() && json["count"] == 0, "{json}");
    }

    #[test]
    fn bounds_are_in_order() {
        for bounds in [QUICK, REQUESTS, AGES] {
            assert!(bounds.is_sorted_by(|one, next| one < next), "{bounds:?}");
        }
    }
}
