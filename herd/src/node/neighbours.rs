//! What a node remembers of each neighbour, whether a link is up or not.

use std::ops::{Index, IndexMut};
use std::time::Duration;

use serde::Serialize;

use super::backoff::Backoff;
use super::clock::ClockDifference;
use super::rivals::Rivals;

/// Which neighbour: an index into the node's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NeighbourId(pub(super) u16);

/// Tells links of one process apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkId(pub u64);

/// Who began the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// This node dialled it.
    Dialled,
    /// This node accepted it.
    Accepted,
}

/// Up to where a neighbour's change log has been heard. Held by the receiver, so that a lost link costs only
/// what was said since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The life of the neighbour's table; 0 when it has never been heard.
    pub epoch: u64,
    /// The last sequence of that life.
    pub sequence: u64,
}

/// Whether there is a link with a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkState {
    /// There is one.
    Up,
    /// There was one.
    Down,
    /// There has been none since the node started.
    Never,
}

impl LinkState {
    /// All of them.
    pub const ALL: [LinkState; 3] = [LinkState::Up, LinkState::Down, LinkState::Never];

    /// Its name.
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
    /// The epoch it was last linked with, and how many epochs that has been. What was learned from an earlier
    /// life is not known to this one.
    epoch: u64,
    generation: u32,
    /// Up to which sequence of this node's log it has been told on its link.
    pub(super) told: u64,
    /// Up to which sequence of this node's log it has confirmed to have heard; `None` before the first link.
    pub(super) heard: Option<u64>,
    /// How often the two have found that they diverged.
    pub(super) divergences: u64,
    /// How long a heartbeat took to come and be answered, without the time it waited to be.
    pub(super) round_trip: Option<Duration>,
    /// How far its wall clock is ahead of this node's, while there is a link.
    pub(super) clock: Option<ClockDifference>,
    /// Whether that is too far; it stays so until a heartbeat shows the opposite.
    pub(super) clocks_differ: bool,
    /// The one link that counts.
    current: Option<Current>,
    pub(super) backoff: Backoff,
    /// The processes that have had its name.
    pub(super) rivals: Rivals,
}

/// What decides between two links with the same neighbour.
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

    /// Decides whether a link that has just been completed becomes the one that counts. `we_are_smaller` says
    /// whose name is the smaller one. Both ends decide alike:
    /// another incarnation means that the old link is dead, whatever it looks like; of two dialled by the same
    /// side the newer one is meant, since a node dials only when it has no link; of two that crossed, the one
    /// dialled by the smaller name stays.
    pub(super) fn offer_link(&mut self, new: Current, we_are_smaller: bool) -> bool {
        let wins = self.current.is_none_or(|old| {
            old.incarnation != new.incarnation
                || old.side == new.side
                || (new.side == Side::Dialled) == we_are_smaller
        });
        if wins {
            self.current = Some(new);
        }
        wins
    }

    /// Whether there is a link, and whether there ever was one.
    pub(super) fn link_state(&self) -> LinkState {
        match (self.current, self.heard) {
            (Some(_), _) => LinkState::Up,
            (None, Some(_)) => LinkState::Down,
            (None, None) => LinkState::Never,
        }
    }

    /// Notes that it is linked, and has heard this node's log up to `sequence`.
    pub(super) fn begin_log(&mut self, sequence: u64) {
        self.told = sequence;
        self.heard = Some(sequence);
    }

    /// Notes up to where its heartbeat confirms to have heard a log whose last sequence is `head`. No neighbour can
    /// have heard more than that.
    pub(super) fn note_heard(&mut self, sequence: u64, head: u64) {
        self.heard = self.heard.map(|before| before.max(sequence.min(head)));
    }

    /// Forgets what it has heard: the sequences of this node's log mean something else from now on.
    pub(super) fn forget_heard(&mut self) {
        self.heard = self.heard.map(|_| 0);
    }

    /// Forgets the link if it is the one that counts.
    pub(super) fn unlink(&mut self, link: LinkId) {
        if self.current.take_if(|current| current.link == link).is_some() {
            self.round_trip = None;
            self.clock = None;
        }
    }

    /// Notes how far its wall clock is ahead of this node's. Returns whether that has become too far, or is no longer.
    pub(super) fn note_clock(&mut self, clock: ClockDifference, bound: Duration) -> Option<bool> {
        self.clock = Some(clock);
        let differ = clock.exceeds(bound).filter(|differ| *differ != self.clocks_differ)?;
        self.clocks_differ = differ;
        Some(differ)
    }

    /// Notes the life of its table that the neighbour says it is in.
    pub(super) fn note_epoch(&mut self, epoch: u64) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.generation += 1;
        }
    }

    /// Forgets what it has said and been told: all of it is to be said again, both ways.
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
            told: 0,
            heard: None,
            divergences: 0,
            round_trip: None,
            clock: None,
            clocks_differ: false,
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
