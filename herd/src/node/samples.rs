//! Samples of the updates that are news to a node, for operators who watch it.

use super::Node;
use super::table::Source;
use crate::message::Time;

/// An update that was news to this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The line of the update, without its line end.
    pub line: Box<[u8]>,
    /// Where it came from. A removal by an operator counts as a client's.
    pub source: Source,
    /// The wall clock when it arrived; `None` for a removal by an operator, which is given no time.
    pub at: Option<Time>,
}

/// The samples that have not been taken yet. While nobody watches, an update costs one comparison.
#[derive(Debug, Default)]
pub(super) struct Samples {
    /// How many more updates may be sampled; 0 while nobody watches.
    left: usize,
    kept: Vec<Sample>,
    /// Whether somebody watches.
    is_on: bool,
    /// The head of the change log when samples were last taken; `None` if they never were. It
    /// outlives the watcher, so one that comes back learns how many updates it has missed.
    since: Option<u64>,
}

impl Samples {
    /// Keeps a copy of an update, unless enough are kept already.
    fn note(&mut self, line: &[u8], source: Source, at: Option<Time>) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        self.kept.push(Sample { line: line.into(), source, at });
    }
}

impl Sample {
    /// Returns the name of the neighbour that sent the update; `None` if no neighbour did.
    pub fn sender<'a>(&self, node: &'a Node) -> Option<&'a str> {
        let Source::Neighbour(from, _) = self.source else { return None };
        node.neighbours().find(|(id, _)| *id == from).map(|(_, name)| name)
    }
}

impl Node {
    /// Notes an update that is news, for those who look at updates.
    pub(super) fn note_news(&mut self, line: &[u8], source: Source, at: Option<Time>) {
        self.samples.note(line, source, at);
        #[cfg(feature = "otel")]
        self.traced.note(line, source, at);
    }

    /// Begins to sample updates, the first `most` of those to come. Has no effect if the node
    /// samples already.
    pub fn begin_samples(&mut self, most: usize) {
        if !self.samples.is_on {
            let since = self.samples.since.or(Some(self.table.head()));
            self.samples = Samples { left: most, kept: Vec::new(), is_on: true, since };
        }
    }

    /// Takes the samples since the last call, and samples the next `most` updates. Returns the
    /// samples, and the number of updates that were news and not sampled.
    pub fn take_samples(&mut self, most: usize) -> (Vec<Sample>, u64) {
        let head = self.table.head();
        let news = self.samples.since.map_or(0, |since| head.saturating_sub(since));
        let kept = std::mem::take(&mut self.samples.kept);
        self.samples = Samples { left: most, kept: Vec::new(), is_on: true, since: Some(head) };
        let left_out = news.saturating_sub(kept.len() as u64);
        (kept, left_out)
    }

    /// Ends sampling, and drops the samples that have not been taken.
    pub fn end_samples(&mut self) {
        self.samples = Samples { since: self.samples.since, ..Samples::default() };
    }
}
