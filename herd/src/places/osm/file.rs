//! The format of a places file.
//!
//! All numbers are little-endian. Degrees are in 1/10,000,000.
//!
//! | part | layout |
//! |---|---|
//! | mark | the eight bytes `herdosm` and a line end |
//! | format | 1, u32 |
//! | length | the number of bytes behind the checksum, u64 |
//! | checksum | XXH3 of these bytes, u64 |
//! | date | the date of the extract in seconds since 1970, i64; the least number if it has none |
//! | kinds | their number, u16; each a category, u8; the number of its types, u8; and each type, a length byte and the text |
//! | scores | the number of places of each score from 15 down to 0, u32 each |
//! | places | by score; each a latitude and a longitude, i32; an id, u64, whose upper two bits are 0 for a node, 1 for a way and 2 for a relation; the offset of its texts, u32; and its kind, u16 |
//! | texts | of each place its name, its address and its opening hours, each a length, u16, and the text |
//!
//! Places of one score that are near each other are near each other in the file: see
//! [`pack`](super::pack).

use xxhash_rust::xxh3::xxh3_64;

use super::kinds::{Category, Kind};

/// The first bytes of a places file.
const MARK: [u8; 8] = *b"herdosm\n";

/// The format that this program reads and writes.
pub(super) const FORMAT: u32 = 1;

/// The bytes before those that the checksum covers.
const HEADER: usize = MARK.len() + 4 + 8 + 8;

/// The number of scores.
pub(super) const SCORES: usize = 16;

/// The bytes of a place, without its texts.
pub(super) const PLACE: usize = 22;

/// The most bytes of one text of a place.
pub(super) const MOST_TEXT: usize = 1024;

/// The date of an extract that has none.
const NO_DATE: i64 = i64::MIN;

/// Why a places file is refused.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read.
    #[error(transparent)]
    Unreadable(#[from] std::io::Error),
    /// The file is something else.
    #[error("it is no places file: make one with `herd places build EXTRACT.osm.pbf`")]
    NoPlacesFile,
    /// The file was made by another version of this program.
    #[error("it has format {0}, and this herd reads format {FORMAT}: make it again with `herd places build`")]
    Format(u32),
    /// The file ends too early or too late.
    #[error(
        "it has {found} bytes and should have {expected}: copy it again, or make it again with `herd places build`"
    )]
    Length {
        /// The length by the file's header.
        expected: u64,
        /// The length of the file.
        found: u64,
    },
    /// The file was changed.
    #[error("its checksum is wrong: copy it again, or make it again with `herd places build`")]
    Checksum,
    /// The checksum is right and the content is wrong: another program wrote the file.
    #[error("it is malformed at byte {offset} ({reason}): make it again with `herd places build`")]
    Malformed {
        /// Where the content is wrong.
        offset: usize,
        /// What is wrong.
        reason: &'static str,
    },
}

/// A place in memory, without its texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The latitude and the longitude.
    pub(super) position: [i32; 2],
    /// The id with its upper two bits.
    pub(super) id: u64,
    /// Where its texts are, from the first one on.
    pub(super) texts: u32,
    pub(super) kind: u16,
}

impl Place {
    /// The latitude and the longitude in degrees.
    pub(super) fn degrees(&self) -> [f64; 2] {
        self.position.map(|degrees| f64::from(degrees) / 1e7)
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.position.iter().for_each(|degrees| out.extend_from_slice(&degrees.to_le_bytes()));
        out.extend_from_slice(&self.id.to_le_bytes());
        out.extend_from_slice(&self.texts.to_le_bytes());
        out.extend_from_slice(&self.kind.to_le_bytes());
    }
}

/// Everything in a places file but the places and their texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The date of the extract, in seconds since 1970.
    pub(super) date: Option<i64>,
    pub(super) kinds: Vec<Kind>,
    /// The number of places of each score, from the highest score down.
    pub(super) scores: [u32; SCORES],
}

/// Writes a places file. `texts` are what [`write_texts`] made.
pub(super) fn write<'a>(
    head: &Head,
    places: impl ExactSizeIterator<Item = &'a Place>,
    texts: &[u8],
) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + 4096 + places.len() * PLACE + texts.len());
    out.extend_from_slice(&MARK);
    out.extend_from_slice(&FORMAT.to_le_bytes());
    out.resize(HEADER, 0);
    out.extend_from_slice(&head.date.unwrap_or(NO_DATE).to_le_bytes());
    out.extend_from_slice(&(head.kinds.len() as u16).to_le_bytes());
    for Kind { category, types } in &head.kinds {
        out.extend_from_slice(&[*category as u8, types.len() as u8]);
        for name in types {
            out.push(name.len() as u8);
            out.extend_from_slice(name.as_bytes());
        }
    }
    head.scores.iter().for_each(|places| out.extend_from_slice(&places.to_le_bytes()));
    places.for_each(|place| place.write(&mut out));
    out.extend_from_slice(texts);
    let length = (out.len() - HEADER) as u64;
    let checksum = xxh3_64(&out[HEADER..]);
    out[MARK.len() + 4..][..8].copy_from_slice(&length.to_le_bytes());
    out[MARK.len() + 12..][..8].copy_from_slice(&checksum.to_le_bytes());
    out
}

/// Appends the texts of a place: its name, its address and its opening hours. A text that is longer
/// than [`MOST_TEXT`] is cut.
pub(super) fn write_texts(out: &mut Vec<u8>, texts: [&str; 3]) {
    for text in texts {
        let text = &text[..text.floor_char_boundary(MOST_TEXT)];
        out.extend_from_slice(&(text.len() as u16).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }
}

/// Checks the mark, the format, the length and the checksum of a file, and returns its head and
/// where its places begin.
///
/// # Errors
/// The file is no places file, has another format, or was damaged.
pub(super) fn read_head(bytes: &[u8]) -> Result<(Head, usize), FileError> {
    check(bytes)?;
    let mut reader = Reader { bytes, offset: HEADER };
    let date = i64::from_le_bytes(reader.take()?);
    let kinds = u16::from_le_bytes(reader.take()?);
    let kinds = (0..kinds).map(|_| reader.kind()).collect::<Result<_, _>>()?;
    let mut scores = [0; SCORES];
    for places in &mut scores {
        *places = u32::from_le_bytes(reader.take()?);
    }
    Ok((Head { date: Some(date).filter(|date| *date != NO_DATE), kinds, scores }, reader.offset))
}

fn check(bytes: &[u8]) -> Result<(), FileError> {
    let mut reader = Reader { bytes, offset: 0 };
    let header = (reader.take(), reader.take(), reader.take(), reader.take());
    let (Ok(MARK), Ok(format)) = (header.0, header.1) else { return Err(FileError::NoPlacesFile) };
    let format = u32::from_le_bytes(format);
    if format != FORMAT {
        return Err(FileError::Format(format));
    }
    let (Ok(length), Ok(checksum)) = (header.2, header.3) else { return Err(FileError::NoPlacesFile) };
    let expected = u64::from_le_bytes(length).saturating_add(HEADER as u64);
    let found = bytes.len() as u64;
    if found != expected {
        return Err(FileError::Length { expected, found });
    }
    match xxh3_64(&bytes[HEADER..]) == u64::from_le_bytes(checksum) {
        true => Ok(()),
        false => Err(FileError::Checksum),
    }
}

/// Reads the place at `offset`, which must be within the places.
pub(super) fn place_at(bytes: &[u8], offset: usize) -> Result<Place, FileError> {
    let mut reader = Reader { bytes, offset };
    Ok(Place {
        position: [i32::from_le_bytes(reader.take()?), i32::from_le_bytes(reader.take()?)],
        id: u64::from_le_bytes(reader.take()?),
        texts: u32::from_le_bytes(reader.take()?),
        kind: u16::from_le_bytes(reader.take()?),
    })
}

/// Reads the texts of a place, which begin at `offset`.
///
/// # Errors
/// They leave the file, or are not UTF-8.
pub(super) fn texts_at(bytes: &[u8], offset: usize) -> Result<[&str; 3], FileError> {
    let mut reader = Reader { bytes, offset };
    Ok([reader.long_text()?, reader.long_text()?, reader.long_text()?])
}

/// Reads the parts of a file.
struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    fn malformed(&self, reason: &'static str) -> FileError {
        FileError::Malformed { offset: self.offset, reason }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], FileError> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let taken = rest.first_chunk().ok_or_else(|| self.malformed("a number is cut off"))?;
        self.offset += N;
        Ok(*taken)
    }

    fn text(&mut self, length: usize) -> Result<&'a str, FileError> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let text = rest.get(..length).ok_or_else(|| self.malformed("a text is cut off"))?;
        let text = std::str::from_utf8(text).map_err(|_| self.malformed("a text is not UTF-8"))?;
        self.offset += length;
        Ok(text)
    }

    fn long_text(&mut self) -> Result<&'a str, FileError> {
        let length = u16::from_le_bytes(self.take()?);
        self.text(length.into())
    }

    fn kind(&mut self) -> Result<Kind, FileError> {
        let [category, types] = self.take()?;
        let category = Category::ALL.get(usize::from(category));
        let category = *category.ok_or_else(|| self.malformed("a category is unknown"))?;
        let types = (0..types).map(|_| {
            let [length] = self.take()?;
            self.text(length.into()).map(str::to_owned)
        });
        Ok(Kind { category, types: types.collect::<Result<_, _>>()? })
    }
}
