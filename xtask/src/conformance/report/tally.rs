//! Sums over the rules of a class.

use strum::VariantArray;

use super::{Report, RuleReport};
use crate::conformance::verdict::Class;

/// How the rules of one class came out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tally {
    pub(super) class: Class,
    pub(super) holds: usize,
    pub(super) fails: usize,
    pub(super) cannot_tell: usize,
    pub(super) not_judged: usize,
    pub(super) points: f64,
    pub(super) of: f64,
}

/// Returns a tally for each class that has rules in the report.
pub(super) fn by_class(report: &Report) -> Vec<Tally> {
    let classes = Class::VARIANTS.iter().map(|class| {
        let rules: Vec<&RuleReport> = report.rules.iter().filter(|rule| rule.class == *class).collect();
        (*class, rules)
    });
    classes.filter(|(_, rules)| !rules.is_empty()).map(|(class, rules)| tally(class, &rules)).collect()
}

fn tally(class: Class, rules: &[&RuleReport]) -> Tally {
    let count = |verdict: &str| rules.iter().filter(|rule| rule.verdict == verdict).count();
    Tally {
        class,
        holds: count("holds"),
        fails: count("fails"),
        cannot_tell: count("cannot tell"),
        not_judged: count("not judged"),
        points: rules.iter().map(|rule| rule.points).sum(),
        of: rules.iter().map(|rule| rule.of).sum(),
    }
}
