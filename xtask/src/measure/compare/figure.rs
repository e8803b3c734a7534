//! Figures that compare several systems, and their goals.

use serde::Serialize;

/// The values of several systems, measured in interleaved rounds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    /// The row that the figure belongs to.
    pub(crate) row: &'static str,
    /// The title.
    pub(crate) title: String,
    /// The unit of the values.
    pub(crate) unit: &'static str,
    /// The systems, in the order of measurement.
    pub(crate) series: Vec<Series>,
    /// The goals.
    pub(crate) goals: Vec<Goal>,
    /// The systems that could not be measured, with the reason and what to do.
    pub(crate) missing: Vec<String>,
}

/// The values of one system.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Series {
    /// The name of the system.
    pub(crate) system: String,
    /// The value of each round.
    pub(crate) values: Vec<f64>,
    /// The distribution of one round, as pairs of a value and the share of values that are at most
    /// that; empty if the figure has no distributions.
    pub(crate) distribution: Vec<(f64, f64)>,
}

/// A goal: a bound on the ratio of one system to the best of other systems, or on its median.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Goal {
    /// The system that should reach the goal.
    pub(crate) system: String,
    /// The other systems; empty for a bound on the median itself.
    pub(crate) against: Vec<&'static str>,
    /// The bound.
    pub(crate) bound: GoalBound,
}

/// A bound on a ratio or on a median.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) enum GoalBound {
    /// The smallest value. More is better.
    AtLeast(f64),
    /// The largest value. Less is better.
    AtMost(f64),
}

/// The result of a goal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct GoalVerdict {
    /// The median of the rounds' ratios, or of the values themselves.
    pub(crate) reached: f64,
    /// The quartiles of the same.
    pub(crate) quartiles: (f64, f64),
    /// Whether the goal is met.
    pub(crate) result: GoalResult,
    /// The best of the other systems; empty for a bound on the median itself.
    pub(crate) against: String,
}

/// Whether a goal is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum GoalResult {
    /// The goal is met.
    Met,
    /// The goal is not met.
    NotMet,
    /// The rounds differ by more than the figure differs from the bound: the range between the
    /// quartiles is wider than the distance.
    Undecided,
}

impl Series {
    /// The median of all rounds.
    pub(crate) fn median(&self) -> f64 {
        quantile(&self.values, 0.5)
    }

    /// The lower and the upper quartile of all rounds.
    pub(crate) fn quartiles(&self) -> (f64, f64) {
        quartiles(&self.values)
    }

    /// The ratios to the values of another system. Both values of a pair are from one round, so
    /// what disturbed both cancels out.
    fn ratios_to(&self, other: &Series) -> Vec<f64> {
        self.values.iter().zip(&other.values).map(|(own, other)| own / other).collect()
    }
}

/// The lower and the upper quartile of values.
fn quartiles(values: &[f64]) -> (f64, f64) {
    (quantile(values, 0.25), quantile(values, 0.75))
}

/// The value below which a share of values lies, interpolated between the two nearest values; NaN
/// if there are none.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let place = values.len().saturating_sub(1) as f64 * share;
    let at = |place: f64| values.get(place as usize).copied().unwrap_or(f64::NAN);
    let (below, above) = (at(place.floor()), at(place.ceil()));
    below + (above - below) * place.fract()
}

impl Goal {
    /// Makes a goal for this herd.
    pub(crate) fn of_herd(against: &[&'static str], bound: GoalBound) -> Goal {
        Goal { system: "herd".to_owned(), against: against.to_vec(), bound }
    }
}

impl Figure {
    /// Makes a figure without values.
    pub(crate) fn new(row: &'static str, title: String, unit: &'static str) -> Figure {
        Figure { row, title, unit, series: Vec::new(), goals: Vec::new(), missing: Vec::new() }
    }

    /// Adds a system's value of one round. The distribution replaces that of earlier rounds.
    pub(crate) fn add(&mut self, system: &str, value: f64, distribution: Vec<(f64, f64)>) {
        let known = self.series.iter_mut().find(|series| series.system == system);
        match known {
            Some(series) => {
                series.values.push(value);
                series.distribution = distribution;
            }
            None => {
                let (system, values) = (system.to_owned(), vec![value]);
                self.series.push(Series { system, values, distribution });
            }
        }
    }

    /// The values of a system; `None` if it was not measured.
    fn measured(&self, system: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.system == system && !series.values.is_empty())
    }

    /// The median of the rounds' ratios of a system to another; `None` if one of them was not
    /// measured.
    pub(crate) fn ratio(&self, system: &str, to: &str) -> Option<f64> {
        let ratios = self.measured(system)?.ratios_to(self.measured(to)?);
        Some(quantile(&ratios, 0.5))
    }

    /// The result of a goal; `None` if one of the systems was not measured.
    pub(crate) fn verdict(&self, goal: &Goal) -> Option<GoalVerdict> {
        let own = self.measured(&goal.system)?;
        if goal.against.is_empty() {
            return Some(goal.bound.verdict(&own.values, ""));
        }
        let others = goal.against.iter().filter_map(|other| self.measured(other));
        let best = others.max_by(|one, other| match goal.bound {
            GoalBound::AtLeast(_) => one.median().total_cmp(&other.median()),
            GoalBound::AtMost(_) => other.median().total_cmp(&one.median()),
        })?;
        Some(goal.bound.verdict(&own.ratios_to(best), &best.system))
    }
}

impl GoalBound {
    /// The bound itself.
    pub(crate) fn value(self) -> f64 {
        let (GoalBound::AtLeast(bound) | GoalBound::AtMost(bound)) = self;
        bound
    }

    fn verdict(self, rounds: &[f64], against: &str) -> GoalVerdict {
        let (reached, quartiles) = (quantile(rounds, 0.5), quartiles(rounds));
        let met = match self {
            GoalBound::AtLeast(bound) => reached >= bound,
            GoalBound::AtMost(bound) => reached <= bound,
        };
        let result = if quartiles.1 - quartiles.0 > (reached - self.value()).abs() {
            GoalResult::Undecided
        } else if met {
            GoalResult::Met
        } else {
            GoalResult::NotMet
        };
        GoalVerdict { reached, quartiles, result, against: against.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(system: &str, values: &[f64]) -> Series {
        Series { system: system.to_owned(), values: values.to_vec(), distribution: Vec::new() }
    }

    fn figure() -> Figure {
        let series =
            vec![series("herd", &[30.0, 10.0, 20.0]), series("A", &[5.0, 20.0]), series("B", &[6.0])];
        Figure {
            row: "row",
            title: "t".to_owned(),
            unit: "u",
            series,
            goals: Vec::new(),
            missing: Vec::new(),
        }
    }

    fn verdict(against: &[&'static str], bound: GoalBound) -> Option<GoalVerdict> {
        figure().verdict(&Goal { system: "herd".to_owned(), against: against.to_vec(), bound })
    }

    #[test]
    fn a_goal_is_the_median_of_the_rounds_ratios_to_the_best_of_the_others() {
        let reached = |against: &[&'static str], bound| {
            verdict(against, bound).map(|verdict| (verdict.reached, verdict.against))
        };
        let expected = |reached, against: &str| Some((reached, against.to_owned()));
        assert_eq!(reached(&["A", "B"], GoalBound::AtLeast(2.0)), expected(3.25, "A"));
        assert_eq!(reached(&["A", "B"], GoalBound::AtMost(4.9)), expected(5.0, "B"));
        assert_eq!(reached(&[], GoalBound::AtMost(20.0)), expected(20.0, ""));
        assert_eq!(reached(&["C"], GoalBound::AtMost(1.0)), None);
        assert_eq!(reached(&["C", "B"], GoalBound::AtLeast(1.0)), expected(5.0, "B"));
    }

    #[test]
    fn a_spread_that_is_wider_than_the_distance_to_the_goal_decides_nothing() {
        let result = |bound| verdict(&[], bound).map(|verdict| (verdict.quartiles, verdict.result));
        let expected = |result| Some(((15.0, 25.0), result));
        assert_eq!(result(GoalBound::AtLeast(11.0)), expected(GoalResult::Undecided));
        assert_eq!(result(GoalBound::AtLeast(29.0)), expected(GoalResult::Undecided));
        assert_eq!(result(GoalBound::AtLeast(10.0)), expected(GoalResult::Met));
        assert_eq!(result(GoalBound::AtMost(10.0)), expected(GoalResult::NotMet));
        // The rounds are 6 and 0.5 times A.
        let ratio = verdict(&["A"], GoalBound::AtLeast(1.0)).unwrap();
        assert_eq!(ratio.result, GoalResult::Undecided);
    }

    #[test]
    fn quantiles_lie_between_the_values() {
        assert_eq!(series("", &[3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(series("", &[4.0, 1.0]).median(), 2.5);
        assert_eq!(series("", &[5.0, 3.0, 1.0, 2.0, 4.0]).quartiles(), (2.0, 4.0));
        assert_eq!(series("", &[1.0]).quartiles(), (1.0, 1.0));
        assert!(series("", &[]).median().is_nan());
    }
}
