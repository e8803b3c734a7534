//! Reads extracts of OpenStreetMap in the PBF format.
//!
//! An extract is a sequence of blobs. The first holds a header, and each of the others a block of
//! nodes, ways and relations. A [`Extract`] reads one blob at a time into buffers that it keeps, so
//! its memory does not depend on the size of the file. The format is described at
//! <https://wiki.openstreetmap.org/wiki/PBF_Format>.

mod blobs;
mod block;
mod dates;
mod wire;

pub(super) use blobs::Extract;
pub(super) use block::{Element, Tags, Wanted};
pub(super) use wire::Malformed;

use std::io;

/// Why an extract cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The disk failed.
    #[error("cannot read it at byte {offset}: {error}")]
    Unreadable {
        /// Where reading failed.
        offset: u64,
        /// The error of the system.
        error: io::Error,
    },
    /// The file is no extract, or ends too early, or was changed.
    #[error("the blob at byte {offset} {reason}: download the extract again")]
    Damaged {
        /// Where the blob begins.
        offset: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is an extract of a kind that this program does not read.
    #[error("{0}")]
    Unsupported(String),
}

/// What the header of an extract says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// The time up to which the extract has all changes, in seconds since 1970.
    pub(super) date: Option<i64>,
}
