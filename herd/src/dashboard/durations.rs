//! Percentiles of the durations that nodes measure, within a window of time.

use serde_json::Value;

use crate::histogram::Distribution;

/// The durations that a node has measured since some moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Durations(Distribution);

impl Default for Durations {
    fn default() -> Durations {
        Durations(Distribution { buckets: Vec::new(), sum_seconds: 0.0 })
    }
}

impl Durations {
    /// Reads the histogram `name` of a node's status. There are no durations if the node has none.
    pub(super) fn of(status: &Value, name: &str) -> Durations {
        let histogram = &status["durations"][name];
        let bucket = |pair: &Value| Some((pair[0].as_f64().unwrap_or(f64::INFINITY), pair[1].as_u64()?));
        let buckets = histogram["buckets"].as_array().into_iter().flatten().filter_map(bucket).collect();
        let sum_seconds = histogram["sum_seconds"].as_f64().unwrap_or_default();
        Durations(Distribution { buckets, sum_seconds })
    }

    /// Returns what was added since `earlier`. A node that has restarted counts from 0 again.
    pub(super) fn since(&self, earlier: &Durations) -> Durations {
        let (now, then) = (&self.0.buckets, &earlier.0.buckets);
        let has_restarted = now.len() != then.len() || now.iter().zip(then).any(|(now, then)| now.1 < then.1);
        if has_restarted {
            return self.clone();
        }
        let buckets = now.iter().zip(then).map(|((bound, now), (_, then))| (*bound, now - then)).collect();
        Durations(Distribution { buckets, sum_seconds: self.0.sum_seconds - earlier.0.sum_seconds })
    }

    /// Returns the durations of several nodes together. Nodes of one version have the same bounds;
    /// nodes with other bounds than the first are left out.
    pub(super) fn sum(of: impl IntoIterator<Item = Durations>) -> Durations {
        let bounds = |durations: &Durations| -> Vec<f64> {
            durations.0.buckets.iter().map(|(bound, _)| *bound).collect()
        };
        let mut all = of.into_iter().filter(|durations| !durations.0.buckets.is_empty());
        let mut sum = all.next().unwrap_or_default();
        for other in all.filter(|other| bounds(other) == bounds(&sum)).collect::<Vec<_>>() {
            sum.0.buckets.iter_mut().zip(&other.0.buckets).for_each(|(total, (_, count))| total.1 += count);
            sum.0.sum_seconds += other.0.sum_seconds;
        }
        sum
    }

    /// Returns the duration in seconds that the share `share` of all durations does not exceed.
    /// `None` if there are no durations, or if it is beyond the last bound.
    pub(super) fn percentile(&self, share: f64) -> Option<f64> {
        let last_bound =
            self.0.buckets.iter().rev().map(|(bound, _)| *bound).find(|bound| bound.is_finite())?;
        self.0.quantile(share).filter(|seconds| *seconds < last_bound)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn durations(counts: [u64; 3]) -> Durations {
        let [first, second, third] = counts;
        let buckets = json!([[0.1, first], [0.2, second], [null, third]]);
        Durations::of(&json!({ "durations": { "age": { "buckets": buckets } } }), "age")
    }

    #[test]
    fn a_percentile_is_interpolated_and_unknown_beyond_the_last_bound() {
        assert_eq!(durations([10, 20, 20]).percentile(0.5), Some(0.1));
        let p75 = durations([10, 20, 20]).percentile(0.75).unwrap();
        assert!((p75 - 0.15).abs() < 1e-9, "{p75}");
        assert_eq!(durations([0, 0, 4]).percentile(0.5), None);
        assert_eq!(durations([0, 0, 0]).percentile(0.5), None);
        assert_eq!(Durations::default().percentile(0.5), None);
    }

    #[test]
    fn a_window_counts_what_was_added_and_a_restarted_node_from_0() {
        assert_eq!(durations([3, 5, 9]).since(&durations([1, 2, 4])), durations([2, 3, 5]));
        assert_eq!(durations([1, 1, 1]).since(&durations([1, 2, 4])), durations([1, 1, 1]));
        assert_eq!(durations([1, 1, 1]).since(&Durations::default()), durations([1, 1, 1]));
    }

    #[test]
    fn sums_leave_out_nodes_with_other_bounds() {
        let buckets = vec![(5.0, 7), (f64::INFINITY, 9)];
        let other = Durations(Distribution { buckets, sum_seconds: 1.0 });
        assert_eq!(
            Durations::sum([Durations::default(), durations([1, 2, 3]), other, durations([1, 1, 1])]),
            durations([2, 3, 4])
        );
    }
}
