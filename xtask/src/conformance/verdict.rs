//! What the judge finds out about a rule.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumMessage, EnumString, IntoStaticStr, VariantArray};

/// The kind of a rule, which decides whether it counts.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Deserialize,
    Serialize,
    Display,
    EnumMessage,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Class {
    /// What clients send and receive.
    Protocol,
    /// What nodes pass on to each other.
    Flooding,
    /// What nodes ask of the Places service, and how they pass its answers on.
    Places,
    /// What a herd survives.
    Robust,
    /// What this herd does and others need not do. These rules are reported and never count.
    Beyond,
}

impl Class {
    /// Returns whether rules of this class give points and decide the exit status.
    pub fn counts(self) -> bool {
        self != Class::Beyond
    }
}

/// The verdict on one rule.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The herd keeps the rule.
    Holds,
    /// The herd breaks the rule.
    Fails(Box<Failure>),
    /// The rule cannot be judged because of what the herd does.
    CannotTell {
        /// One sentence that says why.
        why: String,
        /// The rule whose failure hides this one. Without one, the herd is not to blame.
        hidden_by: Option<&'static str>,
    },
    /// The rule was not judged: one sentence says why.
    NotJudged(String),
}

/// What shows that a rule is broken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failure {
    /// One plain sentence on what is wrong.
    pub why: String,
    /// One sentence on the likely cause, if what was seen matches a known one.
    pub hint: Option<String>,
    /// The bytes that the judge sent, escaped.
    pub sent: String,
    /// The answer that the rule asks for, escaped; parts that vary are described.
    pub expected: String,
    /// What came instead, escaped.
    pub came: String,
    /// The node, and the moment since the rule's first byte.
    pub at: String,
}

impl Verdict {
    /// Returns a verdict's name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::Fails(_) => "fails",
            Verdict::CannotTell { .. } => "cannot tell",
            Verdict::NotJudged(_) => "not judged",
        }
    }
}

impl Failure {
    /// Adds the likely cause.
    #[must_use]
    pub fn hint(mut self, hint: &str) -> Failure {
        self.hint = Some(hint.to_owned());
        self
    }

    /// Adds the likely cause, if it is known.
    #[must_use]
    pub fn hint_if(self, hint: Option<&str>) -> Failure {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }
}

impl From<Failure> for Verdict {
    fn from(failure: Failure) -> Verdict {
        Verdict::Fails(Box::new(failure))
    }
}
