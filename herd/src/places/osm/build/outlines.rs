//! The boxes around ways and relations, whose centres are their positions.

/// A box around positions, in 1/10,000,000 degree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    least: [i32; 2],
    most: [i32; 2],
    /// The least and the most longitude if they are counted from the date line eastwards.
    shifted: [i32; 2],
}

/// Half of the way around the Earth, in 1/10,000,000 degree.
const HALF: i32 = 1_800_000_000;

impl Bounds {
    /// A box around nothing.
    pub(super) const EMPTY: Bounds =
        Bounds { least: [i32::MAX; 2], most: [i32::MIN; 2], shifted: [i32::MAX, i32::MIN] };

    /// Widens the box so that it contains a position.
    pub(super) fn add(&mut self, position: [i32; 2]) {
        for (axis, degrees) in position.into_iter().enumerate() {
            self.least[axis] = degrees.min(self.least[axis]);
            self.most[axis] = degrees.max(self.most[axis]);
        }
        let shifted = shift(position[1]);
        self.shifted = [shifted.min(self.shifted[0]), shifted.max(self.shifted[1])];
    }

    /// The centre; `None` if the box is around nothing. A box that would go more than half around
    /// the Earth is one across the date line.
    pub(super) fn centre(&self) -> Option<[i32; 2]> {
        let ([south, west], [north, east]) = (self.least, self.most);
        if south > north {
            return None;
        }
        let middle = |from: i32, to: i32| ((i64::from(from) + i64::from(to)).div_euclid(2)) as i32;
        let longitude = match i64::from(east) - i64::from(west) <= i64::from(HALF) {
            true => middle(west, east),
            false => shift(middle(self.shifted[0], self.shifted[1])),
        };
        Some([middle(south, north), longitude])
    }
}

/// The longitude on the other side of the Earth.
fn shift(longitude: i32) -> i32 {
    if longitude < 0 { longitude + HALF } else { longitude - HALF }
}

/// What elements a box needs, by their ids: pairs of an id and the index of a box.
#[derive(Debug, Default)]
pub(super) struct Needed {
    pairs: Vec<(i64, u32)>,
    /// Where the element that was looked up last would be, if the pairs are sorted.
    cursor: usize,
}

impl Needed {
    /// The bytes of a pair.
    pub(super) const PAIR: usize = size_of::<(i64, u32)>();

    pub(super) fn push(&mut self, id: i64, outline: u32) {
        self.pairs.push((id, outline));
    }

    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Sorts the pairs, so that elements can be looked up.
    pub(super) fn sort(&mut self) {
        self.pairs.sort_unstable();
        self.cursor = 0;
    }

    /// The boxes that need an element. Elements are looked up quickly in the order of their ids,
    /// which is that of most extracts.
    pub(super) fn outlines(&mut self, id: i64) -> impl Iterator<Item = u32> {
        let is_less = |pair: &(i64, u32)| pair.0 < id;
        if self.cursor > 0 && !is_less(&self.pairs[self.cursor - 1]) {
            self.cursor = self.pairs.partition_point(is_less);
        }
        while self.pairs.get(self.cursor).is_some_and(is_less) {
            self.cursor += 1;
        }
        self.pairs[self.cursor..].iter().take_while(move |pair| pair.0 == id).map(|pair| pair.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(positions: &[[i32; 2]]) -> Bounds {
        let mut bounds = Bounds::EMPTY;
        positions.iter().for_each(|position| bounds.add(*position));
        bounds
    }

    #[test]
    fn the_centre_of_a_box_may_be_across_the_date_line() {
        assert_eq!(Bounds::EMPTY.centre(), None);
        assert_eq!(around(&[[5, -7]]).centre(), Some([5, -7]));
        assert_eq!(around(&[[0, 0], [10, 4], [2, 20]]).centre(), Some([5, 10]));
        let degrees = |degrees: i32| degrees * 10_000_000;
        let fiji = around(&[[degrees(-17), degrees(178)], [degrees(-16), degrees(-178)]]);
        assert_eq!(fiji.centre(), Some([-165_000_000, degrees(-180)]));
        let east = around(&[[0, degrees(179)], [0, degrees(-175)]]);
        assert_eq!(east.centre(), Some([0, degrees(-178)]));
        let widest = around(&[[0, degrees(-90)], [0, degrees(90)]]);
        assert_eq!(widest.centre(), Some([0, 0]));
    }

    #[test]
    fn elements_are_found_in_any_order() {
        let mut needed = Needed::default();
        for (id, outline) in [(9, 0), (3, 1), (9, 2), (-4, 3), (i64::MAX, 4)] {
            needed.push(id, outline);
        }
        needed.sort();
        for _ in 0..2 {
            for (id, outlines) in [
                (-5, vec![]),
                (3, vec![1]),
                (4, vec![]),
                (9, vec![0, 2]),
                (9, vec![0, 2]),
                (i64::MAX, vec![4]),
            ] {
                assert_eq!(needed.outlines(id).collect::<Vec<_>>(), outlines, "{id}");
            }
        }
    }
}
