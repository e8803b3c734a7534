//! Bugs to plant, so that whoever looks for bugs can be tested: is each of them found?
//!
//! There is one way in, [`is_planted`], and without the feature `planted-bugs` it is a constant: a node that is built to be
//! run holds none of this.

#[cfg(not(feature = "planted-bugs"))]
use std::borrow::Cow;

/// Something that a node could do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "planted-bugs", derive(clap::ValueEnum))]
pub enum Bug {
    /// A new link says only what is new from then on.
    NoResync,
    /// Heartbeats are not sent.
    NoHeartbeat,
    /// Of two updates with equal times the first to arrive stays.
    NoTieBreak,
    /// A node takes what it has said to have been heard.
    SenderSideCursor,
    /// The last update to arrive wins.
    ArrivalOrderWins,
    /// What a neighbour said in an earlier life is not said back to it.
    SplitHorizonByName,
    /// Whatever wakes a link puts its heartbeat off.
    StarvedHeartbeat,
    /// What changes while the journal is written anew is not in it.
    CompactionLosesCursor,
    /// Lines of a journal are taken as they are, torn or not.
    TornLineApplied,
    /// An update is passed on with another skew.
    SkewReprinted,
    /// A journal that may lack its end goes on in its epoch.
    EpochKeptAfterLostTail,
    /// Updates from a journal get sequences anew.
    RenumberedOnReplay,
    /// A journal that lost a line goes on from the cursors in it.
    CursorsKeptAfterBadRecord,
    /// A batch is marked as heard before it is.
    MarkBeforeLines,
    /// What is said during a bulk sync is marked as heard before that is over.
    MarkBeforeBulk,
    /// A report from before a removal wins over it.
    RemovedComesBack,
    /// A report after a removal is taken for one from before it.
    RemovalForgotten,
}

#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn is_planted(_: Bug) -> bool {
    false
}

/// For [`Bug::SenderSideCursor`]: remembers how far the table of an epoch has been read for its `neighbour`th neighbour.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn note_said(_epoch: u64, _neighbour: u16, _sequence: u64) {}

/// For [`Bug::SenderSideCursor`]: how far that was.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn said(_epoch: u64, _neighbour: u16) -> u64 {
    0
}

/// For [`Bug::SkewReprinted`]: an AT line from a neighbour, as the node takes it.
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

    /// Plants a bug in all nodes of this thread, in the place of the last one.
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
