//! Sums of what a node has learned lately, so that two neighbours can compare it without listing
//! it.

use crate::bug::{Bug, is_planted};
use crate::node::origins::OriginSet;

/// Sums of the updates of recent [windows](crate::message::At::window), for each origin.
///
/// A sum counts every update that was ever stored, also one that a later update of its client has
/// replaced: two nodes that learn the same updates, in whatever order, have the same sums. If a
/// node skips an update because it has heard a later one, its sums differ from its neighbours', and
/// the neighbour sends what it has of that origin and window.
#[derive(Debug)]
pub(in crate::node) struct Windows {
    /// Each window by its number modulo their count, so a new one replaces an old one.
    recent: Vec<Window>,
    forgotten: u64,
}

/// One window.
#[derive(Clone, Debug, Default)]
struct Window {
    number: u64,
    /// The last sequence of its updates; 0 if there are none.
    last: u64,
    /// By the number of the origin.
    origins: Vec<Updates>,
}

/// The updates of one origin in one window.
#[derive(Clone, Copy, Debug, Default)]
struct Updates {
    /// The sum of 64 bits of each update's digest. That a neighbour lacks an update and yet has the
    /// same sum has a chance of 2^-64; at 1,000 comparisons a second this happens once in 600
    /// million years. Lines can be made so that their digests collide. The nodes' sums of all
    /// records have 128 bits and show such a difference, and then the neighbours send each other
    /// everything.
    sum: u64,
    /// The sequences of the first and the last one; 0 if there are none.
    first: u64,
    last: u64,
    /// The sum of a neighbour that has sent everything that it has, although the sums differ.
    accepted: Option<u64>,
    /// Whether a neighbour had to be asked for some of them.
    is_repaired: bool,
}

/// The updates of one origin in one window, as a node lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::node) struct WindowSum {
    pub(in crate::node) origin: u16,
    pub(in crate::node) number: u64,
    pub(in crate::node) sum: u64,
}

/// The number of windows that are kept. They cover 17 seconds of time.
const KEPT: u64 = 256;

impl Windows {
    pub(super) fn new() -> Windows {
        Windows { recent: vec![Window::default(); KEPT as usize], forgotten: 0 }
    }

    /// Counts an update of an origin in a window, which has been stored under `sequence`.
    pub(super) fn note(&mut self, origin: u16, number: u64, digest: u128, sequence: u64) {
        let window = &mut self.recent[(number % KEPT) as usize];
        if window.number != number {
            self.forgotten = self.forgotten.max(window.last);
            window.number = number;
            window.origins.clear();
        }
        window.last = sequence;
        let place = usize::from(origin);
        if window.origins.len() <= place {
            window.origins.resize(place + 1, Updates::default());
        }
        let updates = &mut window.origins[place];
        if updates.last == 0 {
            updates.first = sequence;
        }
        updates.sum = updates.sum.wrapping_add(digest as u64);
        updates.last = sequence;
    }

    /// Forgets everything up to `sequence`.
    pub(super) fn forget_up_to(&mut self, sequence: u64) {
        self.forgotten = self.forgotten.max(sequence);
    }

    /// Returns the last sequence whose window may not be kept. All later ones are.
    pub(in crate::node) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Returns whether the node knows all that a neighbour does of an origin in a window, if the
    /// neighbour's sum is this.
    pub(in crate::node) fn covers(&self, WindowSum { origin, number, sum }: WindowSum) -> bool {
        let bits = if is_planted(Bug::SumTooNarrow) { 1 } else { u64::MAX };
        self.find(origin, number)
            .is_some_and(|updates| updates.sum & bits == sum & bits || updates.accepted == Some(sum))
    }

    /// Notes that a neighbour with this sum has sent everything that it has.
    pub(in crate::node) fn accept(&mut self, WindowSum { origin, number, sum }: WindowSum) {
        if let Some(updates) = self.find_mut(origin, number) {
            updates.accepted = Some(sum);
        }
    }

    /// Notes that a neighbour has answered with an update that this node lacked.
    pub(in crate::node) fn note_repair(&mut self, origin: u16, number: u64) {
        if let Some(updates) = self.find_mut(origin, number) {
            updates.is_repaired = true;
        }
    }

    /// Returns whether a neighbour had to be asked for an update of this window.
    pub(in crate::node) fn is_repaired(&self, origin: u16, number: u64) -> bool {
        self.find(origin, number).is_some_and(|updates| updates.is_repaired)
    }

    /// Returns the sum of an origin's updates in a window, if the last one is not after `upto`.
    pub(in crate::node) fn sum(&self, origin: u16, number: u64, upto: u64) -> Option<u64> {
        self.find(origin, number).filter(|updates| updates.last <= upto).map(|updates| updates.sum)
    }

    /// Returns the windows of some origins whose last change is after `from` and not after `upto`.
    pub(in crate::node) fn changed(
        &self,
        origins: &OriginSet,
        from: u64,
        upto: u64,
    ) -> impl Iterator<Item = WindowSum> {
        let changed = self.changed_after(origins, from);
        changed
            .filter(move |(_, _, updates)| updates.last <= upto)
            .map(|(origin, number, updates)| WindowSum { origin, number, sum: updates.sum })
    }

    /// Returns the last sequence, up to `upto`, before which nothing of some origins is in a window
    /// that has changed after `upto`.
    pub(in crate::node) fn unchanged_up_to(&self, origins: &OriginSet, upto: u64) -> u64 {
        let later = self.changed_after(origins, upto).map(|(_, _, updates)| updates.first - 1);
        later.min().map_or(upto, |before| before.min(upto))
    }

    fn changed_after(&self, origins: &OriginSet, from: u64) -> impl Iterator<Item = (u16, u64, &Updates)> {
        let windows = self.recent.iter().filter(move |window| window.last > from);
        windows.flat_map(move |window| {
            let updates = (0_u16..).zip(&window.origins);
            let changed =
                updates.filter(move |(origin, updates)| updates.last > from && origins.contains(*origin));
            changed.map(|(origin, updates)| (origin, window.number, updates))
        })
    }

    fn find_mut(&mut self, origin: u16, number: u64) -> Option<&mut Updates> {
        let window = &mut self.recent[(number % KEPT) as usize];
        if window.number == number { window.origins.get_mut(usize::from(origin)) } else { None }
    }

    fn find(&self, origin: u16, number: u64) -> Option<&Updates> {
        let window = &self.recent[(number % KEPT) as usize];
        let updates = window.origins.get(usize::from(origin)).filter(|_| window.number == number);
        updates.filter(|updates| updates.last > 0)
    }
}
