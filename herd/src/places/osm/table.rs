//! A places file in memory, and its index.

use std::path::Path;

use super::file::{FileError, Head, PLACE, Place, place_at, read_head, texts_at};
use super::index::{Index, Nearby};
use super::kinds::{Category, Kind};

/// The upper bits of an id, which say what it is the id of.
const NAMESPACES: [&str; 3] = ["node", "way", "relation"];

/// The number of lower bits of an id, which are its number.
pub(super) const ID_BITS: u32 = 62;

/// The places of a file.
///
/// The bytes of the file stay as they are, and a search reads from them. Beyond them, a table has
/// its index, which is about 6 bytes for each place.
#[derive(Debug)]
pub struct Table {
    bytes: Vec<u8>,
    head: Head,
    /// Where the places begin, and where their texts do.
    places: usize,
    texts: usize,
    /// The number of places of each category.
    categories: [(Category, usize); Category::ALL.len()],
    index: Index,
}

/// A place that a search has found.
#[derive(Clone, Copy, Debug)]
pub struct NearbyPlace<'a> {
    /// The name.
    pub name: &'a str,
    /// The address; empty if it is not known.
    pub address: &'a str,
    /// The opening hours as OpenStreetMap writes them; empty if they are not known.
    pub opening_hours: &'a str,
    place: Place,
    kind: &'a Kind,
}

impl NearbyPlace<'_> {
    /// The id as in answers, such as `osm:node/123`.
    pub fn id(&self) -> String {
        let namespace = NAMESPACES[(self.place.id >> ID_BITS) as usize];
        format!("osm:{namespace}/{}", self.place.id & ((1 << ID_BITS) - 1))
    }

    /// The latitude and the longitude in degrees.
    pub fn position(&self) -> [f64; 2] {
        self.place.degrees()
    }

    /// Google's types, the most specific first.
    pub fn types(&self) -> &[String] {
        &self.kind.types
    }
}

/// What is in a places file, without its places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The number of the file's format.
    pub format: u32,
    /// The date of the extract, in seconds since 1970.
    pub date: Option<i64>,
    /// The number of bytes of the file.
    pub bytes: usize,
    /// The number of places.
    pub places: usize,
    /// The number of places of each category.
    pub categories: [(Category, usize); Category::ALL.len()],
}

impl Table {
    /// Reads a places file.
    ///
    /// # Errors
    /// The file cannot be read, is no places file, has another format, or was damaged.
    pub fn read(path: &Path) -> Result<Table, FileError> {
        Table::new(std::fs::read(path)?)
    }

    /// The table of the places in the bytes of a file. Every place is checked, so that a search
    /// cannot fail.
    ///
    /// # Errors
    /// The bytes are no places file, have another format, or were damaged.
    pub fn new(bytes: Vec<u8>) -> Result<Table, FileError> {
        let (head, places) = read_head(&bytes)?;
        let count: u64 = head.scores.iter().map(|count| u64::from(*count)).sum();
        let texts =
            usize::try_from(count).ok().and_then(|count| count.checked_mul(PLACE)?.checked_add(places));
        let texts = texts.filter(|texts| *texts <= bytes.len());
        let texts = texts.ok_or(FileError::Malformed { offset: places, reason: "places are cut off" })?;
        let mut categories = Category::ALL.map(|category| (category, 0));
        for offset in (places..texts).step_by(PLACE) {
            let category = check(&bytes, &head, texts, offset)?;
            categories[category as usize].1 += 1;
        }
        let position = |number: usize| {
            let place = place_at(&bytes, places + number * PLACE);
            place.map_or([0.0; 2], |place| place.degrees())
        };
        let index = Index::new(&head.scores, position);
        Ok(Table { bytes, head, places, texts, categories, index })
    }

    /// The number of places.
    pub fn len(&self) -> usize {
        (self.texts - self.places) / PLACE
    }

    /// Whether the file has no places.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is in the file.
    pub fn summary(&self) -> Summary {
        Summary {
            format: super::file::FORMAT,
            date: self.head.date,
            bytes: self.bytes.len(),
            places: self.len(),
            categories: self.categories,
        }
    }

    /// Finds up to `most` places within `metres` of a point, over the surface of the Earth. The
    /// point is a latitude and a longitude in degrees. Places with a higher score come first, and
    /// of places with one score the nearest.
    ///
    /// The time depends on `most` and on the number of scores, and not on how many places there
    /// are within `metres`.
    pub fn search(&self, point: [f64; 2], metres: f64, most: usize) -> Vec<NearbyPlace<'_>> {
        let position = |number: usize| self.place(number).map_or([0.0; 2], |place| place.degrees());
        let nearby = self.index.search(point, metres, most, position);
        nearby.into_iter().filter_map(|Nearby { number, .. }| self.found(number)).collect()
    }

    /// The place with this number in the order of the file.
    fn place(&self, number: usize) -> Option<Place> {
        place_at(&self.bytes, self.places + number * PLACE).ok()
    }

    fn found(&self, number: usize) -> Option<NearbyPlace<'_>> {
        let place = self.place(number)?;
        let [name, address, opening_hours] = texts_at(&self.bytes, self.texts + place.texts as usize).ok()?;
        let kind = self.head.kinds.get(usize::from(place.kind))?;
        Some(NearbyPlace { name, address, opening_hours, place, kind })
    }
}

/// Checks the place at `offset`, and that its texts can be read. Returns its category.
fn check(bytes: &[u8], head: &Head, texts: usize, offset: usize) -> Result<Category, FileError> {
    let place = place_at(bytes, offset)?;
    let [latitude, longitude] = place.position.map(i32::unsigned_abs);
    let malformed = |reason| FileError::Malformed { offset, reason };
    if latitude > 900_000_000 || longitude > 1_800_000_000 {
        return Err(malformed("a position is not on Earth"));
    }
    if (place.id >> ID_BITS) as usize >= NAMESPACES.len() {
        return Err(malformed("a place has an unknown id"));
    }
    texts_at(bytes, texts.saturating_add(place.texts as usize))?;
    let kind =
        head.kinds.get(usize::from(place.kind)).ok_or_else(|| malformed("a place has an unknown kind"))?;
    Ok(kind.category)
}
