//! What came out of chaos, for people.

use std::time::Duration;

use anyhow::{Result, bail};

use super::{Outcome, SETTLES};
use crate::text::print;

/// Tells an outcome.
///
/// # Errors
/// A promise was broken: the message says how to see it again.
pub fn tell(outcome: &Outcome, again: &str) -> Result<()> {
    let [history, timeline] = outcome.files.each_ref().map(|file| file.display());
    print(&format!(
        "\n{}{}{}{}\nhistory: {history}\ntimeline: {timeline}\n",
        outcome.verdict.table(outcome.history.setting.source),
        outcome.verdict,
        convergence(&outcome.converged),
        outcome.settled.map_or_else(
            || format!("the nodes still differed {SETTLES:?} after the last client"),
            |after| format!("all nodes alike {after:.1?} after the last client"),
        ),
    ))?;
    let late = outcome.converged.iter().filter(|took| took.is_none()).count();
    if !outcome.verdict.violations.is_empty() || outcome.settled.is_none() || late > 0 {
        bail!("a promise was broken; again by `{again}`");
    }
    Ok(())
}

/// How long it took after faults until all nodes knew what had been acknowledged before.
fn convergence(converged: &[Option<Duration>]) -> String {
    let mut took: Vec<Duration> = converged.iter().flatten().copied().collect();
    took.sort_unstable();
    let late = converged.len() - took.len();
    let Some(longest) = took.last() else { return format!("converged after none of {late} faults\n") };
    let median = took[took.len() / 2];
    let late = if late > 0 { format!("; NOT after {late} others") } else { String::new() };
    format!("converged {median:.1?} (median) to {longest:.1?} (longest) after {} faults{late}\n", took.len())
}
