//! The report on a guest, as data. Its submodules write it in each format.

pub(super) mod excerpt;
mod gradescope;
mod html;
mod junit;
pub(super) mod page;
mod tally;
mod terminal;
pub(super) mod write;

use serde::{Deserialize, Serialize};

use crate::conformance::verdict::{Class, Verdict};

pub use terminal::{line, summary};
pub use write::write_all;

/// The report on one guest. It serializes as `report.json`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Report {
    /// The guest's name.
    pub guest: String,
    /// The version of the suite.
    pub suite: String,
    /// The graph of the guest's herd.
    pub graph: String,
    /// How long the run took, in seconds.
    pub seconds: f64,
    /// The points that the guest got.
    pub points: f64,
    /// The points that it could have got: the weights of the counted rules that were judged.
    pub of: f64,
    /// Sentences on the run as a whole: the form in which the guest answers, and what this machine
    /// could not do.
    pub notes: Vec<String>,
    /// The rules, in the order of the list of rules.
    pub rules: Vec<RuleReport>,
}

/// What the report says about one rule.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct RuleReport {
    /// The rule's name.
    pub rule: String,
    /// The rule's class.
    pub class: Class,
    /// The verdict's name: `holds`, `fails`, `cannot tell` or `not judged`.
    pub verdict: String,
    /// The points that the guest got for this rule.
    pub points: f64,
    /// The points that it could have got.
    pub of: f64,
    /// How long judging the rule took, in seconds.
    pub seconds: f64,
    /// What must hold: the rule itself.
    pub text: String,
    /// One sentence on the verdict; empty if the rule holds.
    pub why: String,
    /// One sentence on the likely cause of a failure.
    pub hint: Option<String>,
    /// The bytes that the judge sent, escaped.
    pub sent: String,
    /// What should have come, escaped.
    pub expected: String,
    /// What came, escaped.
    pub came: String,
    /// The node and the moment of the failure.
    pub at: String,
    /// Every byte that went to the herd and came from it while the rule was judged, with times.
    #[serde(skip)]
    pub transcript: String,
    /// The last lines that nodes printed, each with its node's name. Empty if the rule holds.
    #[serde(skip)]
    pub last_words: Vec<(String, String)>,
}

impl Report {
    /// Returns whether no rule that counts fails.
    pub fn counted_rules_hold(&self) -> bool {
        self.rules.iter().all(|rule| rule.verdict != "fails" || !rule.class.counts())
    }
}

impl RuleReport {
    /// Returns the report of a rule with `weight` points. A rule that holds gives its weight. A
    /// rule that could not be judged, though not by the herd's fault, gives and costs nothing.
    pub fn new(rule: &str, class: Class, text: &str, weight: f64, verdict: &Verdict) -> RuleReport {
        let weight = if class.counts() { weight } else { 0.0 };
        let mut report = RuleReport {
            rule: rule.to_owned(),
            class,
            verdict: verdict.name().to_owned(),
            points: 0.0,
            of: weight,
            seconds: 0.0,
            text: text.to_owned(),
            why: String::new(),
            hint: None,
            sent: String::new(),
            expected: String::new(),
            came: String::new(),
            at: String::new(),
            transcript: String::new(),
            last_words: Vec::new(),
        };
        match verdict {
            Verdict::Holds => report.points = weight,
            Verdict::Fails(failure) => {
                report.why.clone_from(&failure.why);
                report.hint.clone_from(&failure.hint);
                report.sent.clone_from(&failure.sent);
                report.expected.clone_from(&failure.expected);
                report.came.clone_from(&failure.came);
                report.at.clone_from(&failure.at);
            }
            Verdict::CannotTell { why, hidden_by } => {
                report.why.clone_from(why);
                if hidden_by.is_none() {
                    report.of = 0.0;
                }
            }
            Verdict::NotJudged(why) => {
                report.why.clone_from(why);
                report.of = 0.0;
            }
        }
        report
    }

    /// Returns what shows that the rule is broken, with labels, without parts that are empty.
    fn evidence(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let parts = [
            ("Sent", &self.sent),
            ("Expected", &self.expected),
            ("Came", &self.came),
            ("Where and when", &self.at),
        ];
        parts.into_iter().filter(|(_, part)| !part.is_empty()).map(|(label, part)| (label, part.as_str()))
    }
}
