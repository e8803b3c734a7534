//! The order of places in a file: in packs of places that are near each other.
//!
//! A pack has up to [`PACK`] places of one score. The places of a score are cut into bands of
//! latitude, each band is ordered by longitude, and every [`PACK`] places in a row are a pack. The
//! bands are as many as the packs of a band, so packs are about as high as wide where places are
//! spread evenly. A search looks at whole packs, so an index needs one entry for each pack instead
//! of one for each place.

/// The number of places of a pack. With more, an index is smaller, and a search looks at more
/// places.
pub(super) const PACK: usize = 16;

/// Orders places of one score. `position` is the latitude and longitude of an item.
pub(super) fn order<T>(items: &mut [T], position: impl Fn(&T) -> [i32; 2]) {
    let packs = items.len().div_ceil(PACK);
    let bands = packs.isqrt().max(1);
    let in_band = packs.div_ceil(bands).max(1) * PACK;
    items.sort_unstable_by_key(|item| position(item)[0]);
    for band in items.chunks_mut(in_band) {
        band.sort_unstable_by_key(|item| position(item)[1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_of_a_square_are_squares() {
        let mut points: Vec<[i32; 2]> = (0..64 * 64).map(|index| [index % 64, index / 64]).collect();
        order(&mut points, |point| *point);
        for pack in points.chunks(PACK) {
            for axis in [0, 1] {
                let values = pack.iter().map(|point| point[axis]);
                assert_eq!(values.clone().max().unwrap() - values.min().unwrap(), 3, "{pack:?}");
            }
        }
    }

    #[test]
    fn few_places_are_one_pack() {
        let mut points = vec![[3, 1], [2, 2], [1, 3]];
        order(&mut points, |point| *point);
        assert_eq!(points, [[3, 1], [2, 2], [1, 3]]);
        order(&mut [] as &mut [[i32; 2]], |point| *point);
    }
}
