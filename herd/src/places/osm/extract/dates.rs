//! The newest change in a block, which dates an extract whose header has no date.

use super::ExtractError;
use super::blobs::Content;
use super::wire::{Deltas, Malformed, Message};

/// How an element says when it was changed.
#[derive(Clone, Copy)]
enum Info {
    /// A field of the element.
    Single,
    /// A list in a group of dense nodes.
    Dense,
}

impl Content<'_> {
    /// The time of the newest change in the block, in seconds since 1970; `None` if the block has
    /// no times.
    ///
    /// # Errors
    /// The block is malformed.
    pub(in crate::places::osm) fn newest_change(&self) -> Result<Option<i64>, ExtractError> {
        newest_of_block(self.bytes).map_err(|Malformed(reason)| ExtractError::Damaged {
            offset: self.offset,
            reason: format!("is malformed ({reason})"),
        })
    }
}

fn newest_of_block(bytes: &[u8]) -> Result<Option<i64>, Malformed> {
    let mut newest = None;
    // Milliseconds of one unit of time.
    let mut granularity = 1_000;
    let mut block = Message(bytes);
    while let Some((field, value)) = block.next_field()? {
        match field {
            2 => newest = newest.max(newest_of_group(value.bytes()?)?),
            18 => granularity = value.number()?.cast_signed(),
            _ => {}
        }
    }
    Ok(newest.and_then(|newest: i64| newest.checked_mul(granularity)).map(|newest| newest / 1_000))
}

fn newest_of_group(bytes: &[u8]) -> Result<Option<i64>, Malformed> {
    let mut newest = None;
    let mut group = Message(bytes);
    while let Some((field, value)) = group.next_field()? {
        let (info, kind) = match field {
            1 | 3 | 4 => (4, Info::Single),
            2 => (5, Info::Dense),
            _ => continue,
        };
        let mut element = Message(value.bytes()?);
        while let Some((field, value)) = element.next_field()? {
            if field == info {
                newest = newest.max(newest_of_info(value.bytes()?, kind)?);
            }
        }
    }
    Ok(newest)
}

fn newest_of_info(bytes: &[u8], kind: Info) -> Result<Option<i64>, Malformed> {
    let mut newest = None;
    let mut info = Message(bytes);
    while let Some((field, value)) = info.next_field()? {
        match kind {
            _ if field != 2 => {}
            Info::Single => newest = newest.max(Some(value.number()?.cast_signed())),
            Info::Dense => {
                let mut times = Deltas::new(value.bytes()?);
                while let Some(time) = times.next_number()? {
                    newest = newest.max(Some(time));
                }
            }
        }
    }
    Ok(newest)
}
