//! Makes a places file of an extract.
//!
//! The extract is read up to three times, one blob at a time:
//!
//! 1. Nodes that are places are kept, and so are relations, with the ids of their ways.
//! 2. Ways that are places, or belong to such relations, leave the ids of their nodes.
//! 3. The positions of these nodes widen the boxes of what they belong to. A place is at the centre
//!    of its box.
//!
//! Blobs without ways are not read in the second pass, and blobs without nodes not in the third.
//! What is kept between blobs is limited, and an extract with more places than that is refused; so
//! the memory depends on the number of places and of the nodes around them, and never on the size
//! of the file.

mod address;
mod collector;
mod outlines;

use std::io::{Read, Seek};

use super::extract::{Extract, ExtractError, Wanted};
use collector::Collector;

/// Why no places file can be made of an extract.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The extract cannot be read.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// The extract has more places than memory was given for.
    #[error(
        "its places need more than {0} MiB of memory: allow more with `--memory`, or use an extract of a smaller region"
    )]
    Memory(u64),
}

/// What was made of an extract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The bytes of the places file.
    pub file: Vec<u8>,
    /// The number of places.
    pub places: usize,
    /// The number of ways and relations that were left out, since the extract has none of their
    /// nodes. This happens at its edges.
    pub without_position: usize,
}

/// How far a build has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The number of the pass, from 1 to 3.
    pub pass: u8,
    /// How many bytes of the extract this pass has read or skipped.
    pub read: u64,
    /// The number of bytes of the extract.
    pub length: u64,
    /// The number of places that have been found.
    pub places: usize,
}

/// Which elements each pass reads.
const PASSES: [Wanted; 3] = [
    Wanted { nodes: true, ways: false, relations: true },
    Wanted { nodes: false, ways: true, relations: false },
    Wanted { nodes: true, ways: false, relations: false },
];

/// A blob of the extract, and what it has.
struct Blob {
    offset: u64,
    has: [bool; 3],
}

/// Makes a places file of the extract in `source`, which has `length` bytes. Keeps at most `memory`
/// bytes between blobs, beside which there are about 100 MiB for the blob that is being read. Calls
/// `progress` after each blob.
///
/// # Errors
/// The extract cannot be read, is malformed, or has too many places for `memory`.
pub fn build(
    source: impl Read + Seek,
    length: u64,
    memory: u64,
    mut progress: impl FnMut(Progress),
) -> Result<Built, BuildError> {
    let mut extract = Extract::new(source, length);
    let header = extract.header()?;
    let mut collector = Collector::new(memory, header.date);
    let blobs = first_pass(&mut extract, &mut collector, &mut progress)?;
    for pass in [2, 3] {
        collector.begin_pass(pass);
        for blob in blobs.iter().filter(|blob| blob.has[usize::from(pass) - 1]) {
            if collector.has_everything(pass) {
                break;
            }
            extract.seek(blob.offset)?;
            read_blob(&mut extract, &mut collector, pass)?;
            progress(Progress { pass, read: extract.offset(), length, places: collector.places() });
        }
        progress(Progress { pass, read: length, length, places: collector.places() });
    }
    Ok(collector.finish())
}

/// Reads the whole extract. Returns its blobs.
fn first_pass(
    extract: &mut Extract<impl Read + Seek>,
    collector: &mut Collector,
    progress: &mut impl FnMut(Progress),
) -> Result<Vec<Blob>, BuildError> {
    let mut blobs = Vec::new();
    while let Some(blob) = read_blob(extract, collector, 1)? {
        blobs.push(blob);
        let (read, length, places) = (extract.offset(), extract.length(), collector.places());
        progress(Progress { pass: 1, read, length, places });
    }
    Ok(blobs)
}

/// Reads the next blob with elements. Returns `None` at the end of the extract.
fn read_blob(
    extract: &mut Extract<impl Read + Seek>,
    collector: &mut Collector,
    pass: u8,
) -> Result<Option<Blob>, BuildError> {
    let Some(content) = extract.next_content()? else { return Ok(None) };
    if pass == 1 && !collector.has_date {
        collector.newest_change = collector.newest_change.max(content.newest_change()?);
    }
    let wanted = PASSES[usize::from(pass) - 1];
    let read = content.for_each(wanted, |element| collector.take(pass, element));
    // An element is refused if there is no memory left for it.
    collector.check_memory()?;
    let present = read?;
    Ok(Some(Blob { offset: content.offset, has: [true, present.ways, present.nodes] }))
}
