//! Finds the places with the highest scores within a radius, and of one score the nearest.
//!
//! Each score has an R-tree of its packs. A pack is a box in space around the points of its places
//! on a sphere of radius 1, so the date line and the poles are like any other place. Of one score,
//! packs come from the tree in the order of their distance, and a place is an answer when no pack
//! that is left can hold a nearer one. A search goes from score to score until it has enough, so
//! its time does not depend on how many places are within the radius.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use rstar::RTree;
use rstar::primitives::{GeomWithData, Rectangle};

use super::file::SCORES;
use super::pack::PACK;
use crate::places::earth::{chord, distance, metres, unit_vector};

/// By how much a chord may be wrong, on a sphere of radius 1, since numbers are rounded: less than
/// 10 nanometres on Earth.
const ROUNDING: f64 = 1.5e-15;

/// The packs of all scores.
#[derive(Debug)]
pub(super) struct Index {
    /// From the highest score to the lowest. Scores without places are left out.
    scores: Vec<Score>,
}

#[derive(Debug)]
struct Score {
    /// The number of the place after the last one of this score.
    end: usize,
    packs: RTree<Pack>,
}

/// The box of a pack, and the number of its first place.
type Pack = GeomWithData<Rectangle<[f64; 3]>, u32>;

/// A place within the radius.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Nearby {
    /// The distance in metres.
    pub(super) distance: f64,
    /// The number of the place.
    pub(super) number: usize,
}

impl Eq for Nearby {}

impl PartialOrd for Nearby {
    fn partial_cmp(&self, other: &Nearby) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Nearby {
    fn cmp(&self, other: &Nearby) -> Ordering {
        self.distance.total_cmp(&other.distance).then(self.number.cmp(&other.number))
    }
}

impl Index {
    /// The index of places in the order of a file. `counts` are the numbers of places of each
    /// score, and `position` is the latitude and longitude of a place.
    pub(super) fn new(counts: &[u32; SCORES], position: impl Fn(usize) -> [f64; 2]) -> Index {
        let mut scores = Vec::new();
        let mut first = 0;
        for count in counts.iter().filter(|count| **count > 0) {
            let end = first + *count as usize;
            let packs = (first..end).step_by(PACK).map(|start| {
                let places = start..end.min(start + PACK);
                let mut corners = [[f64::INFINITY; 3], [f64::NEG_INFINITY; 3]];
                for point in places.map(|number| unit_vector(position(number))) {
                    for (axis, value) in point.into_iter().enumerate() {
                        corners[0][axis] = value.min(corners[0][axis]);
                        corners[1][axis] = value.max(corners[1][axis]);
                    }
                }
                let [lower, upper] = corners;
                Pack::new(Rectangle::from_corners(lower, upper), start as u32)
            });
            scores.push(Score { end, packs: RTree::bulk_load(packs.collect()) });
            first = end;
        }
        Index { scores }
    }

    /// Finds up to `most` places within `radius` metres of `point`.
    pub(super) fn search(
        &self,
        point: [f64; 2],
        radius: f64,
        most: usize,
        position: impl Fn(usize) -> [f64; 2],
    ) -> Vec<Nearby> {
        let mut found = Vec::with_capacity(most.min(64));
        for score in &self.scores {
            score.search(point, radius, most, &position, &mut found);
            if found.len() >= most {
                break;
            }
        }
        found
    }
}

impl Score {
    /// Appends places of this score, the nearest first, until `found` has `most`.
    fn search(
        &self,
        point: [f64; 2],
        radius: f64,
        most: usize,
        position: impl Fn(usize) -> [f64; 2],
        found: &mut Vec<Nearby>,
    ) {
        let furthest = chord(radius) + ROUNDING;
        let packs = self.packs.nearest_neighbor_iter_with_distance_2(unit_vector(point));
        let packs = packs.map(|(pack, square)| (pack, square.sqrt()));
        let mut packs = packs.take_while(|(_, chord)| *chord <= furthest).peekable();
        let mut waiting: BinaryHeap<Reverse<Nearby>> = BinaryHeap::new();
        loop {
            let next = packs.peek().map_or(f64::INFINITY, |(_, chord)| metres((chord - ROUNDING).max(0.0)));
            while found.len() < most
                && let Some(Reverse(nearest)) = waiting.peek()
                && nearest.distance <= next
            {
                found.push(*nearest);
                waiting.pop();
            }
            if found.len() >= most {
                return;
            }
            let Some((pack, _)) = packs.next() else { return };
            let start = pack.data as usize;
            for number in start..self.end.min(start + PACK) {
                let distance = distance(point, position(number));
                if distance <= radius {
                    waiting.push(Reverse(Nearby { distance, number }));
                }
            }
        }
    }
}
