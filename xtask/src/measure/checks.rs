//! Checks that measure something and hold it against a bound.

use std::fmt;

use anyhow::{Context, Result, bail};

use crate::measure::machine::Machine;

/// A check: its name, and how it is done with what all checks of its kind need.
pub(crate) type Check<B> = (&'static str, fn(&B) -> Result<Vec<Finding>>);

/// Something measured, and how much of it there may be.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    what: String,
    value: f64,
    unit: &'static str,
    bound: Bound,
}

/// How much of something there may be, edges included.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    /// No less.
    AtLeast(f64),
    /// No more.
    AtMost(f64),
    /// Neither.
    Within(f64, f64),
}

/// The checks named; all of them, if none are.
///
/// # Errors
/// There is no such check: the message lists those there are.
pub(crate) fn choose<B>(checks: &[Check<B>], asked: &[String]) -> Result<Vec<Check<B>>> {
    if let Some(name) = asked.iter().find(|name| checks.iter().all(|(known, _)| known != name)) {
        let names: Vec<&str> = checks.iter().map(|(name, _)| *name).collect();
        bail!("there is no check {name}: there are {}", names.join(", "));
    }
    let is_asked = |name: &str| asked.is_empty() || asked.iter().any(|asked| asked == name);
    Ok(checks.iter().filter(|(name, _)| is_asked(name)).copied().collect())
}

/// What checks found, as text, and whether every bound is kept.
#[derive(Debug)]
pub struct Findings {
    /// The machine, and a table with a row for each finding.
    pub text: String,
    /// Whether every bound is kept.
    pub all_kept: bool,
}

/// Runs checks one after another. `progress` gets the name of each before it begins.
///
/// # Errors
/// A check cannot be done. A bound that is not kept is not an error.
pub(crate) fn run_checks<B>(checks: &[Check<B>], bench: &B, progress: impl Fn(&str)) -> Result<Findings> {
    let mut text = format!("{}\n\n| check | measured | bound | |\n|---|---|---|---|\n", Machine::look());
    let mut all_kept = true;
    for (name, check) in checks {
        progress(name);
        for finding in check(bench).with_context(|| format!("check {name}"))? {
            all_kept &= finding.is_kept();
            text += &format!("{finding}\n");
        }
    }
    Ok(Findings { text, all_kept })
}

impl Finding {
    pub(crate) fn new(what: impl Into<String>, value: f64, unit: &'static str, bound: Bound) -> Finding {
        Finding { what: what.into(), value, unit, bound }
    }

    fn is_kept(&self) -> bool {
        match self.bound {
            Bound::AtLeast(least) => self.value >= least,
            Bound::AtMost(most) => self.value <= most,
            Bound::Within(least, most) => (least..=most).contains(&self.value),
        }
    }
}

impl fmt::Display for Finding {
    /// A row of a table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = match self.bound {
            Bound::AtLeast(least) => format!("at least {least}"),
            Bound::AtMost(most) => format!("at most {most}"),
            Bound::Within(least, most) => format!("{least} to {most}"),
        };
        let verdict = if self.is_kept() { "kept" } else { "**not kept**" };
        // Whole numbers are counts.
        let places = if self.value.fract() == 0.0 { 0 } else { 2 };
        let measured = format!("{:.places$} {}", self.value, self.unit);
        write!(f, "| {} | {} | {bound} | {verdict} |", self.what, measured.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_kept_up_to_its_edges() {
        for (value, bound, kept) in [
            (2.0, Bound::AtMost(2.0), true),
            (2.1, Bound::AtMost(2.0), false),
            (2.0, Bound::AtLeast(2.0), true),
            (1.9, Bound::AtLeast(2.0), false),
            (9.9, Bound::Within(10.0, 11.0), false),
            (11.0, Bound::Within(10.0, 11.0), true),
        ] {
            assert_eq!(Finding::new("x", value, "s", bound).is_kept(), kept, "{value} {bound:?}");
        }
    }

    #[test]
    fn a_check_that_is_not_there_is_answered_by_those_there_are() {
        let checks: [Check<()>; 2] = [("one", |()| Ok(Vec::new())), ("two", |()| Ok(Vec::new()))];
        assert_eq!(choose(&checks, &[]).unwrap().len(), 2);
        assert_eq!(choose(&checks, &["two".to_owned()]).unwrap()[0].0, "two");
        let error = choose(&checks, &["three".to_owned()]).err().unwrap().to_string();
        assert_eq!(error, "there is no check three: there are one, two");
    }
}
