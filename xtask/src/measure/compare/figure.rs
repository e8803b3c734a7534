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

/// A goal: a bound on the ratio of one system's median to the best median of other systems, or on
/// the median itself.
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
    /// The ratio, or the median itself.
    pub(crate) reached: f64,
    /// Whether the goal is met.
    pub(crate) met: bool,
    /// The best of the other systems; empty for a bound on the median itself.
    pub(crate) against: String,
}

impl Series {
    /// The median of all rounds.
    pub(crate) fn median(&self) -> f64 {
        let mut values = self.values.clone();
        values.sort_by(f64::total_cmp);
        match values.len() {
            0 => f64::NAN,
            odd if odd % 2 == 1 => values[odd / 2],
            even => f64::midpoint(values[even / 2 - 1], values[even / 2]),
        }
    }

    /// The smallest and the largest value.
    pub(crate) fn spread(&self) -> (f64, f64) {
        let least = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        (least, self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }
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

    /// The median of a system; `None` if it was not measured.
    pub(crate) fn median(&self, system: &str) -> Option<f64> {
        let series = self.series.iter().find(|series| series.system == system && !series.values.is_empty());
        series.map(Series::median)
    }

    /// The result of a goal; `None` if one of the systems was not measured.
    pub(crate) fn verdict(&self, goal: &Goal) -> Option<GoalVerdict> {
        let own = self.median(&goal.system)?;
        let others = goal.against.iter().filter_map(|other| Some((*other, self.median(other)?)));
        let (against, reached) = if goal.against.is_empty() {
            (String::new(), own)
        } else {
            let better = |one: &(&str, f64), other: &(&str, f64)| match goal.bound {
                GoalBound::AtLeast(_) => one.1.total_cmp(&other.1),
                GoalBound::AtMost(_) => other.1.total_cmp(&one.1),
            };
            let (name, best) = others.max_by(better)?;
            (name.to_owned(), own / best)
        };
        Some(GoalVerdict { reached, met: goal.bound.holds(reached), against })
    }
}

impl GoalBound {
    fn holds(self, reached: f64) -> bool {
        match self {
            GoalBound::AtLeast(bound) => reached >= bound,
            GoalBound::AtMost(bound) => reached <= bound,
        }
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
            vec![series("herd", &[30.0, 10.0, 20.0]), series("A", &[5.0, 15.0]), series("B", &[4.0])];
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
    fn a_goal_is_a_ratio_of_medians_to_the_best_of_the_others() {
        let expected =
            |reached, met, against: &str| Some(GoalVerdict { reached, met, against: against.to_owned() });
        assert_eq!(verdict(&["A", "B"], GoalBound::AtLeast(2.0)), expected(2.0, true, "A"));
        assert_eq!(verdict(&["A", "B"], GoalBound::AtMost(4.9)), expected(5.0, false, "B"));
        assert_eq!(verdict(&[], GoalBound::AtMost(20.0)), expected(20.0, true, ""));
        assert_eq!(verdict(&["C"], GoalBound::AtMost(1.0)), None);
        assert_eq!(verdict(&["C", "B"], GoalBound::AtLeast(1.0)), expected(5.0, true, "B"));
    }

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(series("", &[3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(series("", &[4.0, 1.0]).median(), 2.5);
        assert_eq!(series("", &[3.0, 1.0]).spread(), (1.0, 3.0));
    }
}
