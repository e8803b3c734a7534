//! Bugs that can be planted on purpose, to test whether the simulator and the chaos tests find
//! them.
//!
//! The only question that the rest of the crate asks is `is_planted`. Without the feature
//! `planted-bugs` it is a constant, so an ordinary build contains no bug.

#[cfg(not(feature = "planted-bugs"))]
use std::borrow::Cow;

/// A mistake that a node can be made to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "planted-bugs", derive(clap::ValueEnum))]
pub enum Bug {
    /// A new link sends only changes from then on, not what the neighbour missed.
    NoResync,
    /// No heartbeats are sent.
    NoHeartbeat,
    /// Of two updates with equal times, the first to arrive stays.
    NoTieBreak,
    /// A node assumes that the neighbour has heard everything that it sent.
    SenderSideCursor,
    /// The last update to arrive wins.
    ArrivalOrderWins,
    /// Updates that a neighbour sent in an earlier epoch are not sent back to it.
    SplitHorizonByName,
    /// Every wake-up of a link postpones its heartbeat.
    StarvedHeartbeat,
    /// Changes made during the compaction of the journal are missing from the new file.
    CompactionLosesCursor,
    /// The replay of a journal applies torn lines.
    TornLineApplied,
    /// An update is passed on with a different skew.
    SkewReprinted,
    /// A journal whose end may be lost continues its epoch.
    EpochKeptAfterLostTail,
    /// The replay of a journal gives updates new sequences.
    RenumberedOnReplay,
    /// A journal that lost a line keeps its cursors.
    CursorsKeptAfterBadRecord,
    /// A mark is sent before the lines that it covers.
    MarkBeforeLines,
    /// A mark covers the lines of a bulk sync before the sync is complete.
    MarkBeforeBulk,
    /// A report from before a removal wins over the removal.
    RemovedComesBack,
    /// A report from after a removal is treated as one from before it.
    RemovalForgotten,
    /// A node confirms every announcement, although it may lack some of the updates.
    AnnouncementBelieved,
    /// A node that prunes a neighbour takes itself to be pruned as well, and announces nothing.
    PrunedBothWays,
    /// A node that wants an origin's updates again does not say so.
    GraftLost,
    /// Sums of windows are compared in one bit only.
    SumTooNarrow,
    /// A reader of the backbone goes on behind messages that are missing.
    HoleNotNoticed,
    /// A reader of the backbone goes on in a stream that was created again.
    StreamNotRecognized,
    /// The header of a message covers the message itself, which may not be stored.
    HeaderAheadOfStored,
    /// Each node forgets clients by its own clock, and tells nobody.
    ForgottenByOwnClock,
    /// A node drops records of shards that others hold once they are stored, read or not.
    DroppedUnread,
}

/// Returns whether the nodes of this thread make this mistake.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn is_planted(_: Bug) -> bool {
    false
}

/// For [`Bug::SenderSideCursor`]: remembers how far the change log of `epoch` was sent to a
/// neighbour.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn note_said(_epoch: u64, _neighbour: u16, _sequence: u64) {}

/// For [`Bug::SenderSideCursor`]: returns the sequence that was remembered.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn said(_epoch: u64, _neighbour: u16) -> u64 {
    0
}

/// For [`Bug::SkewReprinted`]: returns an AT line from a neighbour as the node applies it.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn reprinted(line: &[u8]) -> Cow<'_, [u8]> {
    Cow::Borrowed(line)
}

#[cfg(feature = "planted-bugs")]
pub use planted::plant;

#[cfg(feature = "planted-bugs")]
pub(crate) use planted::{is_planted, note_said, reprinted, said};

#[cfg(feature = "planted-bugs")]
mod planted {
    use std::borrow::Cow;
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;

    use super::Bug;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
        static SAID: RefCell<BTreeMap<(u64, u16), u64>> = const { RefCell::new(BTreeMap::new()) };
    }

    /// Plants a bug in all nodes of this thread, and removes the one planted before.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.set(bug);
        SAID.take();
    }

    pub(crate) fn note_said(epoch: u64, neighbour: u16, sequence: u64) {
        if is_planted(Bug::SenderSideCursor) {
            SAID.with_borrow_mut(|said| said.insert((epoch, neighbour), sequence));
        }
    }

    pub(crate) fn said(epoch: u64, neighbour: u16) -> u64 {
        SAID.with_borrow(|said| said.get(&(epoch, neighbour)).copied().unwrap_or_default())
    }

    pub(crate) fn is_planted(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }

    pub(crate) fn reprinted(line: &[u8]) -> Cow<'_, [u8]> {
        let fields: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
        match *fields.as_slice() {
            [word, server, _, client, place, stamp] if is_planted(Bug::SkewReprinted) => {
                Cow::Owned([word, server, b"+0.000000000", client, place, stamp].join(&b' '))
            }
            _ => Cow::Borrowed(line),
        }
    }
}
