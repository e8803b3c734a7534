//! The elements of a block: nodes, ways and relations.

use super::ExtractError;
use super::blobs::Content;
use super::wire::{Deltas, Malformed, Message, Numbers, Value, signed};

/// Which elements a caller wants. Others are skipped without being decoded.
#[derive(Clone, Copy, Debug)]
pub(in crate::places::osm) struct Wanted {
    pub(in crate::places::osm) nodes: bool,
    pub(in crate::places::osm) ways: bool,
    pub(in crate::places::osm) relations: bool,
}

/// Which elements a block has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::places::osm) struct Present {
    pub(in crate::places::osm) nodes: bool,
    pub(in crate::places::osm) ways: bool,
}

/// A node, way or relation. Positions are a latitude and a longitude in 1/10,000,000 degree.
#[derive(Clone, Copy, Debug)]
pub(in crate::places::osm) enum Element<'a> {
    Node { id: i64, position: [i32; 2], tags: Tags<'a> },
    Way { id: i64, nodes: Deltas<'a>, positions: Positions<'a>, tags: Tags<'a> },
    Relation { id: i64, members: Members<'a>, tags: Tags<'a> },
}

/// The tags of an element.
#[derive(Clone, Copy, Debug)]
pub(in crate::places::osm) struct Tags<'a> {
    strings: &'a [&'a [u8]],
    pairs: &'a [[usize; 2]],
}

impl<'a> Tags<'a> {
    /// The value of a key; `None` if there is none or it is not UTF-8.
    pub(in crate::places::osm) fn get(&self, key: &str) -> Option<&'a str> {
        let is_key = |pair: &&[usize; 2]| self.strings[pair[0]] == key.as_bytes();
        let pair = self.pairs.iter().find(is_key)?;
        std::str::from_utf8(self.strings[pair[1]]).ok()
    }

    /// Whether there is no tag.
    pub(in crate::places::osm) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

/// The positions of the nodes of a way, if the extract has them there.
#[derive(Clone, Copy, Debug)]
pub(in crate::places::osm) struct Positions<'a> {
    scale: Scale,
    degrees: [Deltas<'a>; 2],
}

impl Positions<'_> {
    /// Reads the next position. Returns `None` at the end.
    ///
    /// # Errors
    /// The list is malformed, or a position is not on Earth.
    pub(in crate::places::osm) fn next_position(&mut self) -> Result<Option<[i32; 2]>, Malformed> {
        let [latitude, longitude] = &mut self.degrees;
        match (latitude.next_number()?, longitude.next_number()?) {
            (Some(latitude), Some(longitude)) => self.scale.position([latitude, longitude]).map(Some),
            _ => Ok(None),
        }
    }
}

/// The ways among the members of a relation.
#[derive(Clone, Copy, Debug)]
pub(in crate::places::osm) struct Members<'a> {
    ids: Deltas<'a>,
    kinds: Numbers<'a>,
}

impl Members<'_> {
    /// Reads the id of the next way. Returns `None` at the end.
    ///
    /// # Errors
    /// The lists are malformed.
    pub(in crate::places::osm) fn next_way(&mut self) -> Result<Option<i64>, Malformed> {
        while let (Some(id), Some(kind)) = (self.ids.next_number()?, self.kinds.next_number()?) {
            if kind == 1 {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}

/// How a block writes coordinates: as multiples of `granularity` nanodegrees, from `origin`.
#[derive(Clone, Copy, Debug)]
struct Scale {
    granularity: i64,
    origin: [i64; 2],
}

impl Scale {
    /// A position in 1/10,000,000 degree.
    fn position(&self, written: [i64; 2]) -> Result<[i32; 2], Malformed> {
        let degrees = |axis: usize, most: i64| {
            let nanodegrees = written[axis].checked_mul(self.granularity)?.checked_add(self.origin[axis])?;
            let degrees = nanodegrees.div_euclid(100);
            i32::try_from(degrees).ok().filter(|_| degrees.abs() <= most)
        };
        let position = degrees(0, 900_000_000).zip(degrees(1, 1_800_000_000));
        position
            .map(|(latitude, longitude)| [latitude, longitude])
            .ok_or(Malformed("a position is not on Earth"))
    }
}

/// The parts of a block.
struct Block<'a> {
    strings: Vec<&'a [u8]>,
    groups: Vec<&'a [u8]>,
    scale: Scale,
}

impl Content<'_> {
    /// Calls `visit` for each element that is wanted. Returns which elements the block has.
    ///
    /// # Errors
    /// The block is malformed, or `visit` says that an element is.
    pub(in crate::places::osm) fn for_each(
        &self,
        wanted: Wanted,
        mut visit: impl FnMut(Element<'_>) -> Result<(), Malformed>,
    ) -> Result<Present, ExtractError> {
        self.read(wanted, &mut visit).map_err(|Malformed(reason)| ExtractError::Damaged {
            offset: self.offset,
            reason: format!("is malformed ({reason})"),
        })
    }

    fn read(&self, wanted: Wanted, visit: Visit<'_>) -> Result<Present, Malformed> {
        let block = Block::read(self.bytes)?;
        let mut pairs = Vec::new();
        let mut present = Present::default();
        for group in &block.groups {
            let mut group = Message(group);
            while let Some((field, value)) = group.next_field()? {
                match field {
                    1 | 2 => present.nodes = true,
                    3 => present.ways = true,
                    _ => {}
                }
                match field {
                    1 if wanted.nodes => block.node(value.bytes()?, &mut pairs, visit)?,
                    2 if wanted.nodes => block.dense_nodes(value.bytes()?, &mut pairs, visit)?,
                    3 if wanted.ways => block.way(value.bytes()?, &mut pairs, visit)?,
                    4 if wanted.relations => block.relation(value.bytes()?, &mut pairs, visit)?,
                    _ => {}
                }
            }
        }
        Ok(present)
    }
}

/// What is called with each element.
type Visit<'v> = &'v mut dyn FnMut(Element<'_>) -> Result<(), Malformed>;

/// The indices of the keys and values of an element's tags, in a buffer for all elements.
type Pairs = Vec<[usize; 2]>;

impl<'a> Block<'a> {
    fn read(bytes: &'a [u8]) -> Result<Block<'a>, Malformed> {
        let mut scale = Scale { granularity: 100, origin: [0, 0] };
        let (mut strings, mut groups) = (Vec::new(), Vec::new());
        let mut message = Message(bytes);
        while let Some((field, value)) = message.next_field()? {
            match field {
                1 => {
                    let mut table = Message(value.bytes()?);
                    while let Some((field, value)) = table.next_field()? {
                        if field == 1 {
                            strings.push(value.bytes()?);
                        }
                    }
                }
                2 => groups.push(value.bytes()?),
                17 => scale.granularity = value.number()?.cast_signed(),
                19 => scale.origin[0] = value.number()?.cast_signed(),
                20 => scale.origin[1] = value.number()?.cast_signed(),
                _ => {}
            }
        }
        Ok(Block { strings, groups, scale })
    }

    /// The tags with these indices, which are in the table of strings.
    fn tags<'t>(&'t self, pairs: &'t Pairs) -> Tags<'t> {
        Tags { strings: &self.strings, pairs }
    }

    /// An index of a string that is in the table.
    fn index(&self, number: u64) -> Result<usize, Malformed> {
        let index = usize::try_from(number).ok().filter(|index| *index < self.strings.len());
        index.ok_or(Malformed("a tag is not in the table of strings"))
    }

    /// Reads the tags of an element that is not a dense node.
    fn read_pairs(&self, keys: &[u8], values: &[u8], pairs: &mut Pairs) -> Result<(), Malformed> {
        let (mut keys, mut values) = (Numbers(keys), Numbers(values));
        pairs.clear();
        loop {
            match (keys.next_number()?, values.next_number()?) {
                (Some(key), Some(value)) => pairs.push([self.index(key)?, self.index(value)?]),
                (None, None) => return Ok(()),
                _ => return Err(Malformed("a tag has no key or no value")),
            }
        }
    }

    fn node(&self, bytes: &[u8], pairs: &mut Pairs, visit: Visit<'_>) -> Result<(), Malformed> {
        let [mut id, mut latitude, mut longitude] = [None; 3];
        let [mut keys, mut values] = [&[][..]; 2];
        let number = |value: Value<'_>| value.number().map(signed).map(Some);
        let mut message = Message(bytes);
        while let Some((field, value)) = message.next_field()? {
            match field {
                1 => id = number(value)?,
                2 => keys = value.bytes()?,
                3 => values = value.bytes()?,
                8 => latitude = number(value)?,
                9 => longitude = number(value)?,
                _ => {}
            }
        }
        let (Some(id), Some(latitude), Some(longitude)) = (id, latitude, longitude) else {
            return Err(Malformed("a node has no id or no position"));
        };
        self.read_pairs(keys, values, pairs)?;
        let position = self.scale.position([latitude, longitude])?;
        visit(Element::Node { id, position, tags: self.tags(pairs) })
    }

    fn dense_nodes(&self, bytes: &[u8], pairs: &mut Pairs, visit: Visit<'_>) -> Result<(), Malformed> {
        let mut lists = [&[][..]; 3];
        let mut tags = Numbers::default();
        let mut message = Message(bytes);
        while let Some((field, value)) = message.next_field()? {
            match field {
                1 => lists[0] = value.bytes()?,
                8 => lists[1] = value.bytes()?,
                9 => lists[2] = value.bytes()?,
                10 => tags = Numbers(value.bytes()?),
                _ => {}
            }
        }
        let [mut ids, mut latitudes, mut longitudes] = lists.map(Deltas::new);
        loop {
            let position = (latitudes.next_number()?, longitudes.next_number()?);
            let (id, position) = match (ids.next_number()?, position) {
                (Some(id), (Some(latitude), Some(longitude))) => (id, [latitude, longitude]),
                (None, (None, None)) => return Ok(()),
                _ => return Err(Malformed("a node has no id or no position")),
            };
            pairs.clear();
            // A key of 0 ends the tags of a node. A group whose nodes have no tags has no list.
            while let Some(key) = tags.next_number()?.filter(|key| *key != 0) {
                let value = tags.next_number()?.ok_or(Malformed("a tag has no value"))?;
                pairs.push([self.index(key)?, self.index(value)?]);
            }
            let position = self.scale.position(position)?;
            visit(Element::Node { id, position, tags: self.tags(pairs) })?;
        }
    }

    fn way(&self, bytes: &[u8], pairs: &mut Pairs, visit: Visit<'_>) -> Result<(), Malformed> {
        let mut id = None;
        let [mut keys, mut values, mut nodes, mut latitudes, mut longitudes] = [&[][..]; 5];
        let mut message = Message(bytes);
        while let Some((field, value)) = message.next_field()? {
            match field {
                1 => id = Some(value.number()?.cast_signed()),
                2 => keys = value.bytes()?,
                3 => values = value.bytes()?,
                8 => nodes = value.bytes()?,
                9 => latitudes = value.bytes()?,
                10 => longitudes = value.bytes()?,
                _ => {}
            }
        }
        let id = id.ok_or(Malformed("a way has no id"))?;
        self.read_pairs(keys, values, pairs)?;
        let positions = Positions { scale: self.scale, degrees: [latitudes, longitudes].map(Deltas::new) };
        visit(Element::Way { id, nodes: Deltas::new(nodes), positions, tags: self.tags(pairs) })
    }

    fn relation(&self, bytes: &[u8], pairs: &mut Pairs, visit: Visit<'_>) -> Result<(), Malformed> {
        let mut id = None;
        let [mut keys, mut values, mut members, mut kinds] = [&[][..]; 4];
        let mut message = Message(bytes);
        while let Some((field, value)) = message.next_field()? {
            match field {
                1 => id = Some(value.number()?.cast_signed()),
                2 => keys = value.bytes()?,
                3 => values = value.bytes()?,
                9 => members = value.bytes()?,
                10 => kinds = value.bytes()?,
                _ => {}
            }
        }
        let id = id.ok_or(Malformed("a relation has no id"))?;
        self.read_pairs(keys, values, pairs)?;
        let members = Members { ids: Deltas::new(members), kinds: Numbers(kinds) };
        visit(Element::Relation { id, members, tags: self.tags(pairs) })
    }
}
