//! The updates that are traced.

use super::{Node, Sample, Source};
use crate::message::{Time, TracedShare};

/// The most updates that are kept until they are taken.
const MOST: usize = 4096;

/// The traced updates that have not been taken yet.
#[derive(Debug, Default)]
pub(super) struct TracedUpdates {
    /// The share of reports to keep; `None` if nothing is traced.
    share: Option<TracedShare>,
    kept: Vec<Sample>,
    /// The number of updates that were left out, because enough were kept already.
    left_out: u64,
}

impl TracedUpdates {
    /// Keeps a copy of an update if it is traced.
    pub(super) fn note(&mut self, line: &[u8], source: Source, at: Option<Time>) {
        let (Some(share), Some(now)) = (self.share, at) else { return };
        if share.traced(line, now).is_none() {
            return;
        }
        if self.kept.len() >= MOST {
            self.left_out += 1;
            return;
        }
        self.kept.push(Sample { line: line.into(), source, at });
    }
}

impl Node {
    /// Begins to keep copies of updates that are news: of this share of them.
    pub fn begin_traces(&mut self, share: TracedShare) {
        self.traced.share = Some(share);
    }

    /// Takes the traced updates since the last call, and how many were left out.
    pub fn take_traced(&mut self) -> (Vec<Sample>, u64) {
        let traced = &mut self.traced;
        (std::mem::take(&mut traced.kept), std::mem::take(&mut traced.left_out))
    }
}
