//! Sets of origins, by the numbers that the table gives them.

use smallvec::{SmallVec, smallvec};

use super::neighbours::NeighbourId;
use super::table::Source;

/// A set of origins. A herd of up to 64 nodes needs one word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OriginSet(SmallVec<[u64; 1]>);

impl OriginSet {
    pub(super) fn contains(&self, origin: u16) -> bool {
        let (word, bit) = place(origin);
        self.0.get(word).is_some_and(|word| word & bit > 0)
    }

    pub(super) fn insert(&mut self, origin: u16) {
        let (word, bit) = place(origin);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= bit;
    }

    pub(super) fn remove(&mut self, origin: u16) {
        let (word, bit) = place(origin);
        if let Some(word) = self.0.get_mut(word) {
            *word &= !bit;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Returns the origins in the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = u16> {
        let words = (0_u16..).step_by(64).zip(&self.0);
        words.flat_map(|(first, word)| {
            (0..64).filter(move |bit| word >> bit & 1 > 0).map(move |bit| first + bit)
        })
    }

    /// Returns the origins that are in one of the sets only.
    pub(super) fn differences(&self, other: &OriginSet) -> OriginSet {
        let mut words = smallvec![0; self.0.len().max(other.0.len())];
        let all = self.0.iter().enumerate().chain(other.0.iter().enumerate());
        all.for_each(|(place, word)| words[place] ^= word);
        OriginSet(words)
    }
}

fn place(origin: u16) -> (usize, u64) {
    (usize::from(origin / 64), 1 << (origin % 64))
}

/// What a table has learned since the links were last woken.
#[derive(Debug, Default)]
pub(super) struct Growth {
    /// The origins of the updates, by the neighbour that sent them; `None` for those that no
    /// neighbour sent.
    origins: SmallVec<[(Option<NeighbourId>, OriginSet); 4]>,
    /// Whether there are updates without an origin.
    others: bool,
}

impl Growth {
    pub(super) fn note(&mut self, origin: Option<u16>, source: Source) {
        let Some(origin) = origin else {
            self.others = true;
            return;
        };
        let from = match source {
            Source::Neighbour(from, _) => Some(from),
            Source::Client | Source::Journal | Source::Backbone => None,
        };
        match self.origins.iter_mut().find(|(known, _)| *known == from) {
            Some((_, origins)) => origins.insert(origin),
            None => {
                let mut origins = OriginSet::default();
                origins.insert(origin);
                self.origins.push((from, origins));
            }
        }
    }

    /// Returns whether there is an update that did not come from `neighbour`, and whose origin
    /// passes a test or which has none.
    pub(super) fn concerns(&self, neighbour: NeighbourId, test: impl Fn(u16) -> bool) -> bool {
        let others = self.origins.iter().filter(|(from, _)| *from != Some(neighbour));
        self.others || others.flat_map(|(_, origins)| origins.iter()).any(test)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_keeps_any_origins_and_knows_how_it_differs_from_another() {
        let (mut one, mut other) = (OriginSet::default(), OriginSet::default());
        assert_eq!(one.len(), 0);
        [0, 63, 64, 4095].into_iter().for_each(|origin| one.insert(origin));
        [63, 64].into_iter().for_each(|origin| other.insert(origin));
        one.remove(64);
        one.remove(4000);
        assert_eq!(one.iter().collect::<Vec<_>>(), [0, 63, 4095]);
        assert!(one.contains(4095) && !one.contains(64) && !other.contains(4095));
        assert_eq!(one.differences(&other).iter().collect::<Vec<_>>(), [0, 64, 4095]);
        assert_eq!(other.differences(&one), one.differences(&other));
        assert_eq!(one.differences(&one.clone()).len(), 0);
    }
}
