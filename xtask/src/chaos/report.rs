//! What came out of chaos, as text.

use std::time::Duration;

use super::{Outcome, SETTLES};

impl Outcome {
    /// Returns the verdict on each invariant, how fast the herd converged, and where the files are.
    pub fn report(&self) -> String {
        let [history, timeline] = self.files.each_ref().map(|file| file.display());
        format!(
            "\n{}{}{}{}\nhistory: {history}\ntimeline: {timeline}\n",
            self.verdict.table(self.history.setting.source),
            self.verdict,
            convergence(&self.converged),
            self.settled.map_or_else(
                || format!("the nodes still differed {SETTLES:?} after the last client"),
                |after| format!("all nodes alike {after:.1?} after the last client"),
            ),
        )
    }

    /// Whether every invariant holds, and the herd converged after every fault.
    pub fn is_right(&self) -> bool {
        let converged = self.converged.iter().all(Option::is_some);
        self.verdict.violations.is_empty() && self.settled.is_some() && converged
    }
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
