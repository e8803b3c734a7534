//! How many lines of clients were answered a second, over time.
//!
//! Clients report at a fixed pace. To count the answers in bars that are not much wider than the
//! time between two of them would draw a comb, since one bar in a few holds one answer more than
//! the others. So bars are wide enough for many answers, and an answer counts for all the time
//! since the answer before it.

use super::lanes::Lanes;

/// The number of answers for which a bar has room, at least.
const ANSWERS: u64 = 20;

/// The number of bars, at least, even if there are few answers.
const BARS: u64 = 20;

/// The lines of clients a second, in bars of one width.
pub(super) struct LineRates {
    /// The width of a bar, in microseconds.
    pub(super) bar: u64,
    /// The end of the last bar, which may be narrower.
    pub(super) end: u64,
    /// The top of a scale that no bar exceeds.
    pub(super) scale_top: f64,
    /// For each node: the lines that were answered.
    pub(super) answered: Vec<Vec<f64>>,
    /// For each node: the lines that were never answered.
    pub(super) failed: Vec<Vec<f64>>,
}

impl LineRates {
    /// Computes the rates in bars that are at least `least` microseconds wide.
    pub(super) fn of(lanes: &Lanes<'_>, least: u64) -> LineRates {
        let bar = bar_width(least, &lanes.answered, lanes.end);
        let of_all = |times: &[Vec<u64>]| times.iter().map(|times| rates(times, bar, lanes.end)).collect();
        let (answered, failed): (Vec<_>, Vec<_>) = (of_all(&lanes.answered), of_all(&lanes.failed));
        let scale_top = scale_top(answered.iter().chain(&failed).flatten().copied());
        LineRates { bar, end: lanes.end, scale_top, answered, failed }
    }
}

/// Returns the width of a bar in microseconds: a round time, at least `least`, in which the busiest
/// node has given many answers.
fn bar_width(least: u64, answered: &[Vec<u64>], end: u64) -> u64 {
    let most = answered.iter().map(Vec::len).max().unwrap_or_default().max(1) as u64;
    let wanted = least.max((ANSWERS * end / most).min(end / BARS)).max(1);
    round_above(wanted as f64, &[1.0, 2.0, 5.0, 10.0]) as u64
}

/// Returns the lines a second in each bar from 0 to `end`.
fn rates(times: &[u64], width: u64, end: u64) -> Vec<f64> {
    let mut bars = vec![0.0; (end / width + 1) as usize];
    let mut times = times.to_vec();
    times.sort_unstable();
    for (number, at) in times.iter().enumerate() {
        let before = number.checked_sub(1).map_or(*at, |before| times[before]);
        // Before the first answer after a gap there were none.
        let from = before.max(at.saturating_sub(width));
        if from == *at {
            bars[(at / width) as usize] += 1.0;
        }
        for bar in from / width..=at / width {
            let overlap = (*at).min((bar + 1) * width).saturating_sub(from.max(bar * width));
            bars[bar as usize] += overlap as f64 / (at - from).max(1) as f64;
        }
    }
    bars.iter().map(|count| count * 1e6 / width as f64).collect()
}

/// Returns the top of a scale for values: a round number that none of them exceeds.
fn scale_top(values: impl Iterator<Item = f64>) -> f64 {
    round_above(values.fold(1.0, f64::max), &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0])
}

/// Returns the smallest of the digits times a power of ten that is at least `value`.
fn round_above(value: f64, digits: &[f64]) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let round = digits.iter().map(|digit| digit * power).find(|round| *round >= value);
    round.unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answers to two clients that report every 20 ms, for 10 seconds.
    fn two_clients() -> Vec<u64> {
        (0..500).flat_map(|report| [report * 20_000, report * 20_000 + 130]).collect()
    }

    #[test]
    fn clients_at_a_fixed_pace_give_a_flat_line() {
        // Bars of 18 ms, as wide as two pixels, would hold two answers or none in turn.
        let (times, end) = (two_clients(), 10_000_000);
        let width = bar_width(18_182, &[times.clone(), Vec::new()], end);
        assert_eq!(width, 200_000);
        let rates = rates(&times, width, end);
        let inner = &rates[1..rates.len() - 2];
        assert!(inner.iter().all(|rate| (90.0..=110.0).contains(rate)), "{inner:?}");
        assert_eq!(scale_top(rates.into_iter()), 150.0);
    }

    #[test]
    fn a_gap_without_answers_stays_empty() {
        let times: Vec<u64> =
            two_clients().into_iter().filter(|at| !(3_000_000..6_000_000).contains(at)).collect();
        let rates = rates(&times, 200_000, 10_000_000);
        assert!(rates[15..29].iter().all(|rate| *rate == 0.0), "{rates:?}");
        assert!(rates[31] > 90.0, "{rates:?}");
    }

    #[test]
    fn every_answer_counts_once() {
        let times = [0, 0, 10, 250_000, 999_999, 1_000_000];
        let rates = rates(&times, 100_000, 1_000_000);
        let count: f64 = rates.iter().sum::<f64>() / 10.0;
        assert!((count - times.len() as f64).abs() < 1e-6, "{rates:?}");
    }

    #[test]
    fn few_answers_and_none_have_bars_too() {
        assert_eq!(bar_width(1, &[vec![5]], 100), 5);
        assert_eq!(bar_width(1, &[], 1), 1);
        assert_eq!(rates(&[], 10, 25), [0.0, 0.0, 0.0]);
    }
}
