//! What a build keeps of an extract.

use super::outlines::{Bounds, Needed};
use super::{BuildError, Built, address::address};
use crate::places::osm::extract::{Element, Malformed, Tags};
use crate::places::osm::file::{self, Head, Place, SCORES};
use crate::places::osm::kinds::Rules;
use crate::places::osm::pack;
use crate::places::osm::table::ID_BITS;

/// What is added to the importance of a place that has an article in Wikipedia or an item in
/// Wikidata.
const FAMOUS: u8 = 4;

/// The keys of which each kind adds 1 to the score, if a place has one of them.
const DESCRIBED: [&[&str]; 2] =
    [&["website", "contact:website", "url"], &["opening_hours", "phone", "contact:phone"]];

/// The places that have been found, and what their positions still need.
pub(super) struct Collector {
    rules: Rules,
    places: Vec<Draft>,
    texts: Vec<u8>,
    /// The boxes of ways and relations, and the indices of their places.
    outlines: Vec<(Bounds, u32)>,
    /// The ways that belong to relations, and the nodes of ways.
    ways: Needed,
    nodes: Needed,
    /// The most bytes to keep, and whether there was more.
    memory: u64,
    is_full: bool,
    /// Whether the header of the extract has a date.
    pub(super) has_date: bool,
    /// That date, or else the time of the newest change so far, in seconds since 1970.
    pub(super) newest_change: Option<i64>,
    /// A buffer for the address of a place.
    address: String,
}

/// A place that has been found. Its position is not known yet if it has an outline.
#[derive(Clone, Copy, Debug)]
struct Draft {
    place: Place,
    score: u8,
}

impl Collector {
    /// A collector that keeps at most `memory` bytes. `date` is that of the extract's header.
    pub(super) fn new(memory: u64, date: Option<i64>) -> Collector {
        Collector {
            rules: Rules::embedded(),
            places: Vec::new(),
            texts: Vec::new(),
            outlines: Vec::new(),
            ways: Needed::default(),
            nodes: Needed::default(),
            memory,
            is_full: false,
            has_date: date.is_some(),
            newest_change: date,
            address: String::new(),
        }
    }

    /// The number of places that have been found.
    pub(super) fn places(&self) -> usize {
        self.places.len()
    }

    /// Makes ready for a pass: what the former one has collected will be looked up.
    pub(super) fn begin_pass(&mut self, pass: u8) {
        if pass == 2 { self.ways.sort() } else { self.nodes.sort() }
    }

    /// Whether a pass would add nothing.
    pub(super) fn has_everything(&self, pass: u8) -> bool {
        pass == 3 && self.nodes.is_empty()
    }

    /// Whether what is kept fits the memory.
    ///
    /// # Errors
    /// It does not, so an element was refused.
    pub(super) fn check_memory(&self) -> Result<(), BuildError> {
        match self.is_full {
            true => Err(BuildError::Memory(self.memory >> 20)),
            false => Ok(()),
        }
    }

    /// Takes an element in a pass.
    ///
    /// # Errors
    /// The element is malformed, or there is no memory left for it.
    pub(super) fn take(&mut self, pass: u8, element: Element<'_>) -> Result<(), Malformed> {
        match element {
            Element::Node { id, position, .. } if pass == 3 => {
                for outline in self.nodes.outlines(id) {
                    self.outlines[outline as usize].0.add(position);
                }
                return Ok(());
            }
            Element::Node { tags, .. } if tags.is_empty() => return Ok(()),
            Element::Node { id, position, tags } => {
                self.add(0, id, position, &tags)?;
            }
            Element::Way { id, nodes, positions, tags } => {
                let own = self.add(1, id, [0, 0], &tags)?.map(|place| self.outline(place));
                let outlines: Vec<u32> = self.ways.outlines(id).chain(own).collect();
                if outlines.is_empty() {
                    return Ok(());
                }
                let (mut nodes, mut positions) = (nodes, positions);
                let mut has_positions = false;
                while let Some(position) = positions.next_position()? {
                    has_positions = true;
                    outlines.iter().for_each(|outline| self.outlines[*outline as usize].0.add(position));
                }
                while !has_positions && let Some(node) = nodes.next_number()? {
                    outlines.iter().for_each(|outline| self.nodes.push(node, *outline));
                    self.limit()?;
                }
            }
            Element::Relation { id, mut members, tags } => {
                if tags.get("type") != Some("multipolygon") {
                    return Ok(());
                }
                let Some(place) = self.add(2, id, [0, 0], &tags)? else { return Ok(()) };
                let outline = self.outline(place);
                while let Some(way) = members.next_way()? {
                    self.ways.push(way, outline);
                    self.limit()?;
                }
            }
        }
        self.limit()
    }

    /// Adds an outline for a place, and returns its index.
    fn outline(&mut self, place: u32) -> u32 {
        self.outlines.push((Bounds::EMPTY, place));
        (self.outlines.len() - 1) as u32
    }

    /// Refuses an element if too much is kept.
    fn limit(&mut self) -> Result<(), Malformed> {
        // The places are written to the file while they are still here, so they count twice.
        let places = 2 * (self.places.len() * size_of::<Draft>() + self.texts.len());
        let outlines = self.outlines.len() * size_of::<(Bounds, u32)>();
        let needed = (self.ways.len() + self.nodes.len()) * Needed::PAIR;
        self.is_full =
            (places + outlines + needed) as u64 > self.memory || self.texts.len() > u32::MAX as usize;
        if self.is_full { Err(Malformed("too many places")) } else { Ok(()) }
    }

    /// Adds an element if it is a place. Returns the index of the place.
    ///
    /// # Errors
    /// The id of the place is not one of OpenStreetMap's.
    fn add(
        &mut self,
        namespace: u64,
        id: i64,
        position: [i32; 2],
        tags: &Tags<'_>,
    ) -> Result<Option<u32>, Malformed> {
        let Some(name) = tags.get("name").map(str::trim).filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let Some((kind, importance)) = self.rules.kind(tags) else { return Ok(None) };
        let id = u64::try_from(id).ok().filter(|id| *id > 0 && id >> ID_BITS == 0);
        let id = id.ok_or(Malformed("a place has an id that OpenStreetMap does not give"))?;
        let place = Place { position, id: namespace << ID_BITS | id, texts: self.texts.len() as u32, kind };
        address(tags, &mut self.address);
        let hours = tags.get("opening_hours").unwrap_or_default().trim();
        file::write_texts(&mut self.texts, [name, &self.address, hours]);
        self.places.push(Draft { place, score: score(importance, tags) });
        Ok(Some((self.places.len() - 1) as u32))
    }

    /// Makes the places file.
    pub(super) fn finish(self) -> Built {
        let Collector { rules, mut places, texts, outlines, newest_change, .. } = self;
        // A place without a position gets a kind that no place has, and is left out.
        let nothing = rules.kinds.len() as u16;
        let mut without_position = 0;
        for (bounds, index) in outlines {
            let place = &mut places[index as usize].place;
            match bounds.centre() {
                Some(centre) => place.position = centre,
                None => {
                    place.kind = nothing;
                    without_position += 1;
                }
            }
        }
        places.retain(|draft| draft.place.kind != nothing);
        places.sort_unstable_by_key(|draft| (std::cmp::Reverse(draft.score), draft.place.id));
        let mut scores = [0; SCORES];
        for of_score in places.chunk_by_mut(|a, b| a.score == b.score) {
            scores[SCORES - 1 - usize::from(of_score[0].score)] = of_score.len() as u32;
            pack::order(of_score, |draft| draft.place.position);
        }
        let head = Head { date: newest_change, kinds: rules.kinds, scores };
        let file = file::write(&head, places.iter().map(|draft| &draft.place), &texts);
        Built { file, places: places.len(), without_position }
    }
}

/// The score of a place: its importance, and more if it is well described.
fn score(importance: u8, tags: &Tags<'_>) -> u8 {
    let has = |keys: &[&str]| keys.iter().any(|key| tags.get(key).is_some());
    let famous = if has(&["wikidata", "wikipedia"]) { FAMOUS } else { 0 };
    let described = DESCRIBED.iter().filter(|keys| has(keys)).count() as u8;
    importance + famous + described
}
