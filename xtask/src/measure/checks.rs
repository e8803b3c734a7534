//! Checks that measure values and compare them with bounds.

use std::fmt;

use anyhow::{Context, Result, bail};
use herd::nearest::choices;

use crate::measure::machine_info::MachineInfo;

/// A check: its name, and the function that performs it on a bench.
pub(crate) type Check<B> = (&'static str, fn(&B) -> Result<Vec<Finding>>);

/// A measured value and its bound.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    what: String,
    value: f64,
    unit: &'static str,
    bound: Bound,
}

/// The bound of a value. The edges are inside.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    /// The smallest value.
    AtLeast(f64),
    /// The largest value.
    AtMost(f64),
    /// The smallest and the largest value.
    Within(f64, f64),
}

/// Returns the checks with the names that were asked for; all checks if none was.
///
/// # Errors
/// A name is not a check's. The message lists all names.
pub(crate) fn choose_checks<B>(checks: &[Check<B>], asked: &[String]) -> Result<Vec<Check<B>>> {
    if let Some(name) = asked.iter().find(|name| checks.iter().all(|(known, _)| known != name)) {
        let names = checks.iter().map(|(name, _)| *name);
        bail!("there is no check `{name}`{}", choices(name, "checks", names, "`--help`"));
    }
    let is_asked = |name: &str| asked.is_empty() || asked.iter().any(|asked| asked == name);
    Ok(checks.iter().filter(|(name, _)| is_asked(name)).copied().collect())
}

/// The findings of all checks.
#[derive(Debug)]
pub struct Findings {
    /// A description of the machine, and a table with a row for each finding.
    pub text: String,
    /// Whether every value is within its bound.
    pub all_kept: bool,
}

/// Performs checks one after another. `progress` gets the name of each check before it begins.
///
/// # Errors
/// A check cannot be performed. A value outside its bound is not an error.
pub(crate) fn run_checks<B>(checks: &[Check<B>], bench: &B, progress: impl Fn(&str)) -> Result<Findings> {
    let mut text =
        format!("{}\n\n| check | measured | bound | |\n|---|---|---|---|\n", MachineInfo::collect());
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
    /// Writes a row of a Markdown table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = match self.bound {
            Bound::AtLeast(least) => format!("at least {least}"),
            Bound::AtMost(most) => format!("at most {most}"),
            Bound::Within(least, most) => format!("{least} to {most}"),
        };
        let verdict = if self.is_kept() { "kept" } else { "**not kept**" };
        // Whole numbers are counts, so they have no decimal places.
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
    fn an_unknown_check_is_answered_with_the_names_of_all_checks() {
        let checks: [Check<()>; 2] = [("one", |()| Ok(Vec::new())), ("two", |()| Ok(Vec::new()))];
        assert_eq!(choose_checks(&checks, &[]).unwrap().len(), 2);
        assert_eq!(choose_checks(&checks, &["two".to_owned()]).unwrap()[0].0, "two");
        let error = choose_checks(&checks, &["three".to_owned()]).err().unwrap().to_string();
        assert_eq!(error, "there is no check `three`: the checks are one, two");
    }
}
