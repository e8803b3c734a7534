//! The state that a node keeps of each neighbour, whether a link is up or not.

use std::ops::{Index, IndexMut};
use std::time::Duration;

use serde::Serialize;

use super::backoff::Backoff;
use super::clock::ClockDifference;
use super::counters::LinkCounters;
use super::origins::OriginSet;
use super::rivals::Rivals;
use crate::message::VERSION;

/// A neighbour: an index into the node's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NeighbourId(pub(super) u16);

impl NeighbourId {
    /// Returns the place of the neighbour in the node's list.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The number of a link, unique in its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkId(pub u64);

/// The side that opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// This node dialled it.
    Dialled,
    /// This node accepted it.
    Accepted,
}

/// How far a neighbour's change log has been heard. The receiver keeps it, so that after a lost
/// link only what came later is sent again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The neighbour's epoch; 0 if nothing was heard yet.
    pub epoch: u64,
    /// The last sequence heard in that epoch.
    pub sequence: u64,
}

/// The state of the link with a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkState {
    /// There is a link.
    Up,
    /// There was a link, and there is none now.
    Down,
    /// There has been no link since the node started.
    Never,
}

impl LinkState {
    /// All states.
    pub const ALL: [LinkState; 3] = [LinkState::Up, LinkState::Down, LinkState::Never];

    /// Returns the state's name in metrics and in the status of a node.
    pub fn name(self) -> &'static str {
        match self {
            LinkState::Up => "up",
            LinkState::Down => "down",
            LinkState::Never => "never",
        }
    }
}

#[derive(Debug)]
pub(super) struct Neighbour {
    pub(super) name: String,
    pub(super) cursor: Cursor,
    /// The neighbour's epoch at its last link, and the number of epochs seen. A record that came
    /// from an earlier epoch may be missing in the current one, so it is sent back.
    epoch: u64,
    generation: u32,
    /// The last sequence of this node's log that was sent on the current link.
    pub(super) sent: u64,
    /// The last sequence of this node's log that the neighbour has confirmed; `None` before the
    /// first link.
    pub(super) heard: Option<u64>,
    /// The updates on the links with this neighbour.
    pub(super) counters: LinkCounters,
    /// How often the two nodes have diverged.
    pub(super) divergences: u64,
    /// The latest round trip, without the time that a heartbeat waited to be answered.
    pub(super) round_trip: Option<Duration>,
    /// How far the neighbour's wall clock is ahead of this node's, while there is a link.
    pub(super) clock: Option<ClockDifference>,
    /// Whether that is too far; this stays until a heartbeat proves the opposite.
    pub(super) clocks_differ: bool,
    /// The origins whose updates the neighbour need not send on the current link, and those of
    /// which it has been told.
    pub(super) pruned: OriginSet,
    pub(super) told: OriginSet,
    /// The origins whose updates it has asked this node not to send.
    pub(super) lazy: OriginSet,
    /// Whether the link has nothing to do until the table changes.
    pub(super) is_idle: bool,
    /// The version of the link language to dial it with.
    pub(super) version: u64,
    /// The one link that counts.
    current: Option<Current>,
    pub(super) backoff: Backoff,
    /// The processes that have used the neighbour's name.
    pub(super) rivals: Rivals,
}

/// What decides between two links with one neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Current {
    pub(super) link: LinkId,
    pub(super) incarnation: u64,
    pub(super) side: Side,
}

impl Neighbour {
    pub(super) fn is_linked(&self) -> bool {
        self.current.is_some()
    }

    pub(super) fn is_current(&self, link: LinkId) -> bool {
        self.current.is_some_and(|current| current.link == link)
    }

    /// Decides whether a link that has just been completed becomes the one that counts.
    /// `we_are_smaller` is true if this node's name is the smaller one. Both ends decide alike.
    /// If the incarnation differs, the old link is dead, whatever it looks like. If the same side
    /// dialled both, the newer one counts, because a node dials only when it has no link. If the
    /// two links crossed, the one dialled by the smaller name stays.
    pub(super) fn offer_link(&mut self, new: Current, we_are_smaller: bool) -> bool {
        let wins = self.current.is_none_or(|old| {
            old.incarnation != new.incarnation
                || old.side == new.side
                || (new.side == Side::Dialled) == we_are_smaller
        });
        if wins {
            self.current = Some(new);
            self.begin_eager();
        }
        wins
    }

    /// Lets both sides send all origins' updates, as a link begins.
    fn begin_eager(&mut self) {
        for origins in [&mut self.pruned, &mut self.told, &mut self.lazy] {
            *origins = OriginSet::default();
        }
    }

    /// Returns whether there is a link, and whether there ever was one.
    pub(super) fn link_state(&self) -> LinkState {
        match (self.current, self.heard) {
            (Some(_), _) => LinkState::Up,
            (None, Some(_)) => LinkState::Down,
            (None, None) => LinkState::Never,
        }
    }

    /// Notes that the link is complete, and that the neighbour has heard this node's log up to
    /// `sequence`.
    pub(super) fn begin_log(&mut self, sequence: u64) {
        self.sent = sequence;
        self.heard = Some(sequence);
    }

    /// Notes that a heartbeat confirms this node's log up to `sequence`. `head` is the last
    /// sequence of the log, and no neighbour can have heard more.
    pub(super) fn note_heard(&mut self, sequence: u64, head: u64) {
        self.heard = self.heard.map(|before| before.max(sequence.min(head)));
    }

    /// Forgets what the neighbour has heard, because the sequences of this node's log get a new
    /// meaning.
    pub(super) fn forget_heard(&mut self) {
        self.heard = self.heard.map(|_| 0);
    }

    /// Forgets the link if it is the one that counts. Returns whether it was.
    pub(super) fn unlink(&mut self, link: LinkId) -> bool {
        let counts = self.current.take_if(|current| current.link == link).is_some();
        if counts {
            self.round_trip = None;
            self.clock = None;
            self.begin_eager();
        }
        counts
    }

    /// Notes how far the neighbour's wall clock is ahead of this node's. Returns whether it is too
    /// far, if that has changed.
    pub(super) fn note_clock(&mut self, clock: ClockDifference, bound: Duration) -> Option<bool> {
        self.clock = Some(clock);
        let differ = clock.exceeds(bound).filter(|differ| *differ != self.clocks_differ)?;
        self.clocks_differ = differ;
        Some(differ)
    }

    /// Notes the neighbour's epoch.
    pub(super) fn note_epoch(&mut self, epoch: u64) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.generation += 1;
        }
    }

    /// Forgets what was heard in both directions, so that both nodes send everything again.
    pub(super) fn forget(&mut self) {
        self.cursor = Cursor::default();
        self.generation += 1;
        self.forget_heard();
    }

    pub(super) fn generation(&self) -> u32 {
        self.generation
    }
}

/// All neighbours of a node.
#[derive(Debug)]
pub(super) struct Neighbours(Vec<Neighbour>);

impl Neighbours {
    pub(super) fn new(names: &[String], redial_first: Duration, redial_longest: Duration) -> Neighbours {
        let neighbour = |name: &String| Neighbour {
            name: name.clone(),
            cursor: Cursor::default(),
            epoch: 0,
            generation: 0,
            sent: 0,
            heard: None,
            counters: LinkCounters::default(),
            divergences: 0,
            round_trip: None,
            clock: None,
            clocks_differ: false,
            pruned: OriginSet::default(),
            told: OriginSet::default(),
            lazy: OriginSet::default(),
            is_idle: true,
            version: VERSION,
            current: None,
            backoff: Backoff::new(redial_first, redial_longest),
            rivals: Rivals::default(),
        };
        Neighbours(names.iter().map(neighbour).collect())
    }

    pub(super) fn find(&self, name: &str) -> Option<NeighbourId> {
        self.0.iter().position(|neighbour| neighbour.name == name).map(|index| NeighbourId(index as u16))
    }

    pub(super) fn forget_all(&mut self) {
        self.0.iter_mut().for_each(Neighbour::forget);
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Neighbour> {
        self.0.iter_mut()
    }

    /// Returns the neighbours with their ids.
    pub(super) fn iter_with_ids_mut(&mut self) -> impl Iterator<Item = (NeighbourId, &mut Neighbour)> {
        self.0.iter_mut().enumerate().map(|(index, neighbour)| (NeighbourId(index as u16), neighbour))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (NeighbourId, &str)> {
        self.0
            .iter()
            .enumerate()
            .map(|(index, neighbour)| (NeighbourId(index as u16), neighbour.name.as_str()))
    }
}

impl Index<NeighbourId> for Neighbours {
    type Output = Neighbour;

    fn index(&self, id: NeighbourId) -> &Neighbour {
        &self.0[usize::from(id.0)]
    }
}

impl IndexMut<NeighbourId> for Neighbours {
    fn index_mut(&mut self, id: NeighbourId) -> &mut Neighbour {
        &mut self.0[usize::from(id.0)]
    }
}
