//! What the process that starts a judge and the judge say to each other.

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::guest_file::Guest;
use super::report::RuleReport;
use super::rules::Rule;
use super::sandbox::Mode;
use super::verdict::Verdict;

/// What a judge is to do. The process that starts it passes this as JSON.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Order {
    /// The guest file.
    pub(super) guest: PathBuf,
    /// The copy of the guest's folder, in which its commands run.
    pub(super) folder: PathBuf,
    /// The folder that the guest and the judge may write to. It holds the copy.
    pub(super) run_folder: PathBuf,
    /// How the guest is cut off.
    pub(super) mode: Mode,
    /// The names of the rules to judge.
    pub(super) rules: Vec<String>,
    /// The factor for all times that the guest is allowed.
    pub(super) patience: f64,
    /// The seed of ids, places and orders.
    pub(super) seed: u64,
    /// The time after which no further rule is begun.
    pub(super) budget: Option<Duration>,
}

/// What a judge says.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Message {
    /// A sentence on the run as a whole.
    Note(String),
    /// The report on a rule, with what `report.json` leaves out.
    Rule { report: Box<RuleReport>, transcript: String, last_words: Vec<(String, String)> },
    /// Nothing more can be judged: the reason, and the program's last words.
    Stopped(String),
}

/// Says the verdict on a rule that was not tried.
///
/// # Errors
/// The process that gave the order is gone.
pub(super) fn say_rule(output: &mut dyn Write, guest: &Guest, rule: &Rule, verdict: &Verdict) -> Result<()> {
    let report = RuleReport::new(rule.name, rule.class, rule.text, guest.weight(rule.name), verdict);
    say(
        output,
        &Message::Rule { report: Box::new(report), transcript: String::new(), last_words: Vec::new() },
    )
}

/// Says a message.
///
/// # Errors
/// The process that gave the order is gone.
pub(super) fn say(output: &mut dyn Write, message: &Message) -> Result<()> {
    serde_json::to_writer(&mut *output, message)?;
    output.write_all(b"\n")?;
    output.flush().context("the process that gave the order is gone")
}

/// Reads what a judge says, line by line.
pub(super) fn messages(from: impl BufRead) -> impl Iterator<Item = Result<Message>> {
    from.lines()
        .map(|line| serde_json::from_str(&line?).context("the judge said something that is no message"))
}
