//! The difference between this node's wall clock and a neighbour's.

use std::time::Duration;

use crate::message::Time;

/// How far a neighbour's wall clock is ahead of this node's, measured with one heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockDifference {
    /// In microseconds; negative if the neighbour's clock is behind.
    ahead: i64,
    /// The largest error of `ahead`, in microseconds.
    uncertainty: i64,
}

impl ClockDifference {
    /// Compares the neighbour's clock when it sent a heartbeat, `theirs` in microseconds since
    /// 1970, with this node's clock when the heartbeat arrived, `ours`. The heartbeat was under way
    /// for some part of `round_trip`. Half of it is assumed, so the error is at most the other
    /// half.
    pub(super) fn measure(theirs: u64, ours: Time, round_trip: Duration) -> ClockDifference {
        let half = clamped(round_trip.as_micros().cast_signed() / 2);
        let ahead = i128::from(theirs) + i128::from(half) - i128::from(ours.microseconds());
        ClockDifference { ahead: clamped(ahead), uncertainty: half }
    }

    /// Returns the difference in seconds; negative if the neighbour's clock is behind.
    pub fn as_secs_f64(self) -> f64 {
        self.ahead as f64 / 1e6
    }

    /// Returns whether the clocks differ by more than `bound`; `None` if the measurement is not
    /// precise enough to decide.
    pub(super) fn exceeds(self, bound: Duration) -> Option<bool> {
        let bound = bound.as_micros();
        let distance = self.ahead.unsigned_abs();
        let uncertainty = self.uncertainty.unsigned_abs();
        if u128::from(distance.saturating_sub(uncertainty)) > bound {
            Some(true)
        } else if u128::from(distance.saturating_add(uncertainty)) <= bound {
            Some(false)
        } else {
            None
        }
    }
}

/// Written in seconds with three decimals, such as `0.250 s ahead of`.
impl std::fmt::Display for ClockDifference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let direction = if self.ahead < 0 { "behind" } else { "ahead of" };
        write!(f, "{:.3} s {direction}", self.as_secs_f64().abs())
    }
}

fn clamped(microseconds: i128) -> i64 {
    microseconds.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time { seconds: 1_000, nanoseconds: 0 };

    fn measured(theirs: u64, round_trip: u64) -> ClockDifference {
        ClockDifference::measure(theirs, NOW, Duration::from_secs(round_trip))
    }

    #[test]
    fn a_heartbeat_shows_the_difference_of_two_clocks() {
        let bound = Duration::from_secs(10);
        for (theirs, round_trip, shown, exceeds) in [
            (1_000_000_000, 0, "0.000 s ahead of", Some(false)),
            (1_010_000_000, 0, "10.000 s ahead of", Some(false)),
            (1_010_000_001, 0, "10.000 s ahead of", Some(true)),
            (989_999_999, 0, "10.000 s behind", Some(true)),
            // The heartbeat was under way for up to eight seconds.
            (992_000_000, 8, "4.000 s behind", Some(false)),
            (985_000_000, 8, "11.000 s behind", None),
            (981_000_000, 8, "15.000 s behind", Some(true)),
            (1_006_000_001, 8, "10.000 s ahead of", None),
            (u64::MAX, u64::MAX, "9223372036854.775 s ahead of", None),
        ] {
            let difference = measured(theirs, round_trip);
            assert_eq!((difference.to_string().as_str(), difference.exceeds(bound)), (shown, exceeds));
        }
    }
}
