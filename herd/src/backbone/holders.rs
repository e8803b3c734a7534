//! Which nodes hold which shards, pure, as a node has heard it lately.

use std::collections::BTreeMap;
use std::time::Duration;

use super::holding::Holding;
use crate::node::Shards;

/// How long a node is believed to hold shards after it has said so.
const BELIEVED: Duration = Duration::from_secs(10);

/// What the holders of some shards have read of a part of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HaveRead {
    /// For each of the shards, some node has read all of it.
    All,
    /// For some of them, none has yet, or none is known.
    NotYet,
    /// For some of them, all nodes that are known have skipped messages, the last one of which has
    /// this sequence.
    Skipped(u64),
}

/// The nodes that hold shards. Times are since any start.
#[derive(Debug, Default)]
pub struct Holders {
    heard: BTreeMap<String, (Duration, Holding)>,
}

impl Holders {
    /// Notes what another node has said at the time `now`.
    pub fn note(&mut self, holding: Holding, now: Duration) {
        self.heard.insert(holding.node.clone(), (now, holding));
        self.heard.retain(|_, (at, _)| *at + BELIEVED > now);
    }

    /// Returns what the nodes that lack nothing of the `shards` have read of the stream with the
    /// epoch `stream`, after the sequence `after` and up to `upto`.
    pub(super) fn have_read(
        &self,
        shards: Shards,
        (stream, after, upto): (u64, u64, u64),
        now: Duration,
    ) -> HaveRead {
        let mut missing = shards;
        let mut missing_without_skipping = shards;
        let mut skipped = 0;
        for (at, holding) in self.heard.values() {
            if *at + BELIEVED <= now || !holding.is_whole || holding.stream != stream {
                continue;
            }
            if holding.skipped > after {
                skipped = skipped.max(holding.skipped);
                continue;
            }
            missing_without_skipping = missing_without_skipping.without(holding.shards);
            if holding.read >= upto {
                missing = missing.without(holding.shards);
            }
        }
        if missing.are_none() {
            HaveRead::All
        } else if !missing_without_skipping.are_none() && skipped > 0 {
            HaveRead::Skipped(skipped)
        } else {
            HaveRead::NotYet
        }
    }
}
