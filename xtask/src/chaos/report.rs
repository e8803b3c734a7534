//! The report on a run, as text.

use std::time::Duration;

use super::ChaosOutcome;

impl ChaosOutcome {
    /// Returns the verdict on each invariant, the times of convergence, and the paths of the files.
    pub fn report(&self) -> String {
        let [history, timeline] = self.files.each_ref().map(|file| file.display());
        format!(
            "\n{}{}{}{}\nhistory: {history}\ntimeline: {timeline}\n",
            self.verdict.table(self.history.setting.source),
            self.verdict,
            convergence(&self.converged),
            self.settled.map_or_else(
                || format!("the nodes did not agree within {:?} after the last report", self.settles),
                |after| format!("all nodes agreed {after:.1?} after the last report"),
            ),
        )
    }

    /// Returns whether every invariant holds and the herd converged after every fault.
    pub fn is_right(&self) -> bool {
        let converged = self.converged.iter().all(Option::is_some);
        self.verdict.violations.is_empty() && self.settled.is_some() && converged
    }
}

/// Summarizes how long it took after each fault until all nodes knew the earlier updates.
fn convergence(converged: &[Option<Duration>]) -> String {
    let mut took: Vec<Duration> = converged.iter().flatten().copied().collect();
    took.sort_unstable();
    let late = converged.len() - took.len();
    let Some(longest) = took.last() else { return format!("NOT converged after any of {late} faults\n") };
    let median = took[took.len() / 2];
    let late = if late > 0 { format!("; NOT converged after {late} others") } else { String::new() };
    format!("converged {median:.1?} (median) to {longest:.1?} (longest) after {} faults{late}\n", took.len())
}
