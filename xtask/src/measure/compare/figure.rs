//! Figures of several systems side by side, and whether a goal is met.

use serde::Serialize;

/// What was measured of each system in interleaved rounds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    /// The row it belongs to.
    pub(crate) row: &'static str,
    /// What it is.
    pub(crate) title: String,
    /// In which unit.
    pub(crate) unit: &'static str,
    /// The systems, in the order in which they were measured.
    pub(crate) series: Vec<Series>,
    /// What it should come to.
    pub(crate) goals: Vec<Goal>,
    /// Systems that could not be measured, and what to do about that.
    pub(crate) missing: Vec<String>,
}

/// One system's values, one a round.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Series {
    /// The system.
    pub(crate) system: String,
    /// A value a round.
    pub(crate) values: Vec<f64>,
    /// A distribution of one of the rounds, as values and shares at most that; empty where there is none.
    pub(crate) distribution: Vec<(f64, f64)>,
}

/// A ratio to reach: of the median of one system to the best of others, or a bound of its own.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Goal {
    /// Whose figure is to be good.
    pub(crate) system: String,
    /// Against whom; empty for a bound on the figure itself.
    pub(crate) against: Vec<&'static str>,
    /// The bound.
    pub(crate) bound: Bound,
}

/// A bound on a ratio, or on a figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) enum Bound {
    /// More is better.
    AtLeast(f64),
    /// Less is better.
    AtMost(f64),
}

/// How a goal fared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Verdict {
    /// The ratio, or the figure itself.
    pub(crate) reached: f64,
    /// Whether that is enough.
    pub(crate) met: bool,
    /// Whom it was measured against: the best of those there were.
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

    /// The least and the greatest.
    pub(crate) fn spread(&self) -> (f64, f64) {
        let least = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        (least, self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }
}

impl Goal {
    /// A goal of this herd's.
    pub(crate) fn of_herd(against: &[&'static str], bound: Bound) -> Goal {
        Goal { system: "herd".to_owned(), against: against.to_vec(), bound }
    }
}

impl Figure {
    /// A figure of nothing yet.
    pub(crate) fn new(row: &'static str, title: String, unit: &'static str) -> Figure {
        Figure { row, title, unit, series: Vec::new(), goals: Vec::new(), missing: Vec::new() }
    }

    /// Adds a system's value of one round. Of the distributions the last one is kept.
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

    /// The median of a system, if it was measured.
    pub(crate) fn median(&self, system: &str) -> Option<f64> {
        let series = self.series.iter().find(|series| series.system == system && !series.values.is_empty());
        series.map(Series::median)
    }

    /// How a goal fared, `None` when one of the systems was not measured.
    pub(crate) fn verdict(&self, goal: &Goal) -> Option<Verdict> {
        let own = self.median(&goal.system)?;
        let others = goal.against.iter().filter_map(|other| Some((*other, self.median(other)?)));
        let (against, reached) = if goal.against.is_empty() {
            (String::new(), own)
        } else {
            let better = |one: &(&str, f64), other: &(&str, f64)| match goal.bound {
                Bound::AtLeast(_) => one.1.total_cmp(&other.1),
                Bound::AtMost(_) => other.1.total_cmp(&one.1),
            };
            let (name, best) = others.max_by(better)?;
            (name.to_owned(), own / best)
        };
        Some(Verdict { reached, met: goal.bound.holds(reached), against })
    }
}

impl Bound {
    fn holds(self, reached: f64) -> bool {
        match self {
            Bound::AtLeast(bound) => reached >= bound,
            Bound::AtMost(bound) => reached <= bound,
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

    fn verdict(against: &[&'static str], bound: Bound) -> Option<Verdict> {
        figure().verdict(&Goal { system: "herd".to_owned(), against: against.to_vec(), bound })
    }

    #[test]
    fn a_goal_is_a_ratio_of_medians_to_the_best_of_the_others() {
        let expected =
            |reached, met, against: &str| Some(Verdict { reached, met, against: against.to_owned() });
        assert_eq!(verdict(&["A", "B"], Bound::AtLeast(2.0)), expected(2.0, true, "A"));
        assert_eq!(verdict(&["A", "B"], Bound::AtMost(4.9)), expected(5.0, false, "B"));
        assert_eq!(verdict(&[], Bound::AtMost(20.0)), expected(20.0, true, ""));
        assert_eq!(verdict(&["C"], Bound::AtMost(1.0)), None);
        assert_eq!(verdict(&["C", "B"], Bound::AtLeast(1.0)), expected(5.0, true, "B"));
    }

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(series("", &[3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(series("", &[4.0, 1.0]).median(), 2.5);
        assert_eq!(series("", &[3.0, 1.0]).spread(), (1.0, 3.0));
    }
}
