//! The blobs of an extract: their frames, their packing, and the header.

use std::io::{ErrorKind, Read, Seek, SeekFrom};

use flate2::bufread::ZlibDecoder;

use super::wire::{Malformed, Message};
use super::{ExtractError, Header};

/// The most bytes of a blob's header, by the format.
const MOST_HEADER: usize = 64 * 1024;

/// The most bytes of a blob, and the most of its content, by the format.
const MOST_BLOB: usize = 32 * 1024 * 1024;

/// The features that a reader must know, of those that an extract may require.
const KNOWN: [&str; 2] = ["OsmSchema-V0.6", "DenseNodes"];

/// The packings that this program does not read, by the number of their field.
const FOREIGN: [(u64, &str); 4] = [(4, "lzma"), (5, "bzip2"), (6, "lz4"), (7, "zstd")];

/// An extract that is read blob by blob.
#[derive(Debug)]
pub(in crate::places::osm) struct Extract<R> {
    source: R,
    /// The length of the file in bytes.
    length: u64,
    /// Where the next blob begins.
    offset: u64,
    packed: Vec<u8>,
    content: Vec<u8>,
}

/// The content of a blob with elements.
#[derive(Clone, Copy, Debug)]
pub(in crate::places::osm) struct Content<'a> {
    /// Where the blob begins in the file.
    pub(in crate::places::osm) offset: u64,
    pub(super) bytes: &'a [u8],
}

/// What a blob holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Header,
    Elements,
    /// Something that readers skip.
    Other,
}

impl<R: Read + Seek> Extract<R> {
    /// An extract of `length` bytes, read from its start.
    pub(in crate::places::osm) fn new(source: R, length: u64) -> Extract<R> {
        Extract { source, length, offset: 0, packed: Vec::new(), content: Vec::new() }
    }

    /// Where the next blob begins, in bytes from the start.
    pub(in crate::places::osm) fn offset(&self) -> u64 {
        self.offset
    }

    /// The length of the file in bytes.
    pub(in crate::places::osm) fn length(&self) -> u64 {
        self.length
    }

    /// Moves to a blob that begins at `offset`.
    ///
    /// # Errors
    /// The disk failed.
    pub(in crate::places::osm) fn seek(&mut self, offset: u64) -> Result<(), ExtractError> {
        // Seeking to where the reader is would empty its buffer.
        if offset != self.offset {
            let moved = self.source.seek(SeekFrom::Start(offset));
            moved.map_err(|error| ExtractError::Unreadable { offset, error })?;
            self.offset = offset;
        }
        Ok(())
    }

    /// Reads the header, which is the first blob.
    ///
    /// # Errors
    /// The file is no extract, or one that this program cannot read.
    pub(in crate::places::osm) fn header(&mut self) -> Result<Header, ExtractError> {
        match self.next_blob()? {
            Some((Kind::Header, _)) => header(&self.content),
            Some(_) => Err(damaged(0, "is not the header of an extract")),
            None => Err(ExtractError::Unsupported("the file is empty".to_owned())),
        }
    }

    /// Reads the next blob with elements. Returns `None` at the end of the file.
    ///
    /// # Errors
    /// The file ends within a blob, the blob is malformed, or its content has more than 32 MiB.
    pub(in crate::places::osm) fn next_content(&mut self) -> Result<Option<Content<'_>>, ExtractError> {
        loop {
            match self.next_blob()? {
                None => return Ok(None),
                Some((Kind::Elements, offset)) => {
                    return Ok(Some(Content { offset, bytes: &self.content }));
                }
                Some(_) => {}
            }
        }
    }

    /// Reads the next blob, and unpacks it into `content`.
    fn next_blob(&mut self) -> Result<Option<(Kind, u64)>, ExtractError> {
        let offset = self.offset;
        if offset == self.length {
            return Ok(None);
        }
        let mut length = [0; 4];
        self.fill(offset, &mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > MOST_HEADER {
            return Err(match offset {
                0 => ExtractError::Unsupported("it is no extract in the PBF format (.osm.pbf)".to_owned()),
                _ => {
                    damaged(offset, &format!("has a header of {length} bytes, and {MOST_HEADER} are allowed"))
                }
            });
        }
        self.read_packed(offset, length)?;
        let (kind, size) = frame(&self.packed).map_err(|reason| damaged(offset, reason.0))?;
        if size > MOST_BLOB as u64 {
            return Err(damaged(offset, &format!("has {size} bytes, and {MOST_BLOB} are allowed")));
        }
        self.read_packed(offset, size as usize)?;
        if kind != Kind::Other {
            unpack(&self.packed, &mut self.content).map_err(|reason| match reason {
                Packed::Malformed(reason) => damaged(offset, &reason),
                Packed::Foreign(name) => ExtractError::Unsupported(format!(
                    "the blob at byte {offset} is packed with {name}, which herd does not read: write the \
                     extract again with zlib, such as by `osmium cat -f pbf`"
                )),
            })?;
        }
        Ok(Some((kind, offset)))
    }

    /// Reads `length` bytes of the blob at `blob` into `packed`.
    fn read_packed(&mut self, blob: u64, length: usize) -> Result<(), ExtractError> {
        let mut packed = std::mem::take(&mut self.packed);
        packed.resize(length, 0);
        let read = self.fill(blob, &mut packed);
        self.packed = packed;
        read
    }

    /// Fills a buffer from the file. `blob` is where the blob begins.
    fn fill(&mut self, blob: u64, buffer: &mut [u8]) -> Result<(), ExtractError> {
        match self.source.read_exact(buffer) {
            Ok(()) => {
                self.offset += buffer.len() as u64;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(damaged(
                blob,
                &format!("ends beyond the end of the file, which has {} bytes", self.length),
            )),
            Err(error) => Err(ExtractError::Unreadable { offset: self.offset, error }),
        }
    }
}

fn damaged(offset: u64, reason: &str) -> ExtractError {
    ExtractError::Damaged { offset, reason: reason.to_owned() }
}

/// Reads the header of a blob: what the blob holds, and its length.
fn frame(bytes: &[u8]) -> Result<(Kind, u64), Malformed> {
    let mut message = Message(bytes);
    let (mut kind, mut size) = (None, None);
    while let Some((field, value)) = message.next_field()? {
        match field {
            1 => kind = Some(value.bytes()?),
            3 => size = Some(value.number()?),
            _ => {}
        }
    }
    let kind = match kind.ok_or(Malformed("has no type"))? {
        b"OSMHeader" => Kind::Header,
        b"OSMData" => Kind::Elements,
        _ => Kind::Other,
    };
    Ok((kind, size.ok_or(Malformed("has no length"))?))
}

/// Why the content of a blob cannot be unpacked.
enum Packed {
    Malformed(String),
    /// By a program that this one does not have.
    Foreign(&'static str),
}

impl From<Malformed> for Packed {
    fn from(malformed: Malformed) -> Packed {
        Packed::Malformed(format!("is malformed ({})", malformed.0))
    }
}

/// Unpacks the content of a blob into `content`, which never holds more than [`MOST_BLOB`] and one
/// byte.
fn unpack(blob: &[u8], content: &mut Vec<u8>) -> Result<(), Packed> {
    content.clear();
    let mut message = Message(blob);
    let mut is_unpacked = false;
    while let Some((field, value)) = message.next_field()? {
        if let Some((_, name)) = FOREIGN.iter().find(|(foreign, _)| *foreign == field) {
            return Err(Packed::Foreign(name));
        }
        if field != 1 && field != 3 {
            continue;
        }
        if std::mem::replace(&mut is_unpacked, true) {
            return Err(Packed::Malformed("has two contents".to_owned()));
        }
        let bytes = value.bytes()?;
        if field == 1 {
            content.extend_from_slice(bytes);
        } else {
            let unpacked = ZlibDecoder::new(bytes).take(MOST_BLOB as u64 + 1).read_to_end(content);
            unpacked.map_err(|error| Packed::Malformed(format!("cannot be unpacked ({error})")))?;
        }
    }
    if !is_unpacked {
        return Err(Packed::Malformed("has no content".to_owned()));
    }
    if content.len() > MOST_BLOB {
        let reason = format!("unpacks to more than the {MOST_BLOB} bytes that are allowed");
        return Err(Packed::Malformed(reason));
    }
    Ok(())
}

/// Reads the content of the first blob.
fn header(bytes: &[u8]) -> Result<Header, ExtractError> {
    let malformed = |reason: Malformed| damaged(0, &format!("is malformed ({})", reason.0));
    let mut message = Message(bytes);
    let mut header = Header::default();
    while let Some((field, value)) = message.next_field().map_err(malformed)? {
        match field {
            4 => {
                let feature = String::from_utf8_lossy(value.bytes().map_err(malformed)?);
                if feature == "HistoricalInformation" {
                    return Err(ExtractError::Unsupported(
                        "the file has the history of each element: use an extract of one moment".to_owned(),
                    ));
                }
                if !KNOWN.contains(&&*feature) {
                    return Err(ExtractError::Unsupported(format!(
                        "the extract requires the feature {feature:?}, which herd does not know: use an \
                         extract without it"
                    )));
                }
            }
            32 => header.date = Some(value.number().map_err(malformed)?.cast_signed()),
            _ => {}
        }
    }
    Ok(header)
}
