//! Records of shards that other nodes hold: this node keeps what it received itself until it is
//! published, and then only the removals, which reports that it receives later must come after.

use super::forgetting::removal_of;
use super::{Outcome, Source, Table};
use crate::message::Update;
use crate::node::Shards;

/// The most changes that are looked at at once.
const PIECE: usize = 1000;

impl Table {
    /// Sets which shards are held. Call it before the table has records.
    pub(in crate::node) fn hold(&mut self, shards: Shards) {
        debug_assert_eq!(self.all(), 0);
        self.shards = shards;
    }

    /// Returns which shards are held.
    pub fn shards(&self) -> Shards {
        self.shards
    }

    /// Returns the number of records of shards that are not held, with those of removed clients.
    pub fn elsewhere(&self) -> usize {
        self.elsewhere
    }

    /// Stores what this node needs of an update that others have received, of a client whose shard
    /// it does not hold: the removal that it is or comes after, if there is one.
    pub(in crate::node) fn apply_elsewhere(&mut self, update: &Update<'_>) -> Outcome {
        match removal_of(update) {
            Some(line) => {
                let removal = Update { line: &line, report: None, ..*update };
                self.apply_update(&removal, Source::Backbone)
            }
            None => Outcome::Stale,
        }
    }

    /// Drops the reports of clients whose shards are not held, and whose latest changes are after
    /// `from` and not after `upto`, or the first thousand changes of those. Returns how far it has
    /// got.
    pub(in crate::node) fn drop_elsewhere(&mut self, from: u64, upto: u64) -> u64 {
        let changes = self.log.after(from).take_while(|(sequence, _)| *sequence <= upto);
        let piece: Vec<_> = changes.take(PIECE).collect();
        let reached = if piece.len() < PIECE { upto } else { piece[PIECE - 1].0 };
        for (_, record) in piece {
            let known = self.records.get(record);
            if self.shards.holds(known.client()) {
                continue;
            }
            let (line, source) = (known.line(), known.source());
            if let Some(update @ Update { report: Some(_), .. }) = Update::parse(&line) {
                self.drop_report(record, &update, source);
            }
        }
        self.log.compact();
        reached
    }
}
