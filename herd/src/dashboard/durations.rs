//! Percentiles of the durations that nodes measure, within a window of time.

use serde_json::Value;

/// How many durations were at most as long as a bound, for each bound: seconds, and `None` for no
/// bound.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Buckets(Vec<(Option<f64>, u64)>);

impl Buckets {
    /// Reads the histogram `name` of a node's status. Returns no buckets if the node has none.
    pub(super) fn of(status: &Value, name: &str) -> Buckets {
        let buckets = status["durations"][name]["buckets"].as_array();
        Buckets(
            buckets
                .into_iter()
                .flatten()
                .filter_map(|pair| Some((pair[0].as_f64(), pair[1].as_u64()?)))
                .collect(),
        )
    }

    /// Returns what was added since `earlier`. A node that has restarted counts from 0 again.
    pub(super) fn since(&self, earlier: &Buckets) -> Buckets {
        let has_restarted = self.0.len() != earlier.0.len()
            || self.0.iter().zip(&earlier.0).any(|(now, then)| now.1 < then.1);
        if has_restarted {
            return self.clone();
        }
        Buckets(self.0.iter().zip(&earlier.0).map(|((bound, now), (_, then))| (*bound, now - then)).collect())
    }

    /// Returns all the durations of several nodes. Nodes of one version have the same bounds; nodes
    /// with other bounds than the first are left out.
    pub(super) fn sum(of: impl IntoIterator<Item = Buckets>) -> Buckets {
        let mut all = of.into_iter().filter(|buckets| !buckets.0.is_empty());
        let mut sum = all.next().unwrap_or_default();
        for other in all {
            let is_alike = sum.0.iter().map(|(bound, _)| bound).eq(other.0.iter().map(|(bound, _)| bound));
            if is_alike {
                sum.0.iter_mut().zip(&other.0).for_each(|(total, (_, count))| total.1 += count);
            }
        }
        sum
    }

    /// Returns the duration in seconds that the share `share` of all durations does not exceed,
    /// interpolated within its bucket. `None` if there are no durations, or if it is beyond the
    /// last bound.
    pub(super) fn percentile(&self, share: f64) -> Option<f64> {
        let total = self.0.last()?.1;
        let rank = share * total as f64;
        let (mut below, mut lower) = (0, 0.0);
        for (bound, count) in &self.0 {
            if total > 0 && *count as f64 >= rank {
                let upper = (*bound)?;
                return Some(lower + (upper - lower) * (rank - below as f64) / (count - below).max(1) as f64);
            }
            (below, lower) = (*count, bound.unwrap_or(lower));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn buckets(counts: [u64; 3]) -> Buckets {
        let [first, second, third] = counts;
        let buckets = json!([[0.1, first], [0.2, second], [null, third]]);
        Buckets::of(&json!({ "durations": { "age": { "buckets": buckets } } }), "age")
    }

    #[test]
    fn a_percentile_is_interpolated_and_unknown_beyond_the_last_bound() {
        assert_eq!(buckets([10, 20, 20]).percentile(0.5), Some(0.1));
        let p75 = buckets([10, 20, 20]).percentile(0.75).unwrap();
        assert!((p75 - 0.15).abs() < 1e-9, "{p75}");
        assert_eq!(buckets([0, 0, 4]).percentile(0.5), None);
        assert_eq!(buckets([0, 0, 0]).percentile(0.5), None);
        assert_eq!(Buckets::default().percentile(0.5), None);
    }

    #[test]
    fn a_window_counts_what_was_added_and_a_restarted_node_from_0() {
        assert_eq!(buckets([3, 5, 9]).since(&buckets([1, 2, 4])), buckets([2, 3, 5]));
        assert_eq!(buckets([1, 1, 1]).since(&buckets([1, 2, 4])), buckets([1, 1, 1]));
        assert_eq!(buckets([1, 1, 1]).since(&Buckets::default()), buckets([1, 1, 1]));
    }

    #[test]
    fn sums_leave_out_nodes_with_other_bounds() {
        let other = Buckets(vec![(Some(5.0), 7), (None, 9)]);
        assert_eq!(
            Buckets::sum([Buckets::default(), buckets([1, 2, 3]), other, buckets([1, 1, 1])]),
            buckets([2, 3, 4])
        );
    }
}
