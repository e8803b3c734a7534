//! The fixed part of a record.

use super::digits::Digits;
use super::record::Source;
use super::stamp::PackedStamp;
use crate::node::neighbours::NeighbourId;

/// One cache line for each client.
///
/// It holds a whole AT line unless that is unusually long: the numbers are packed, the server is a
/// number, and the client id is as it is. Ids of 25 bytes fit, with up to 36 characters of skew and
/// location together.
///
/// The order of the fields matters: comparing an id reads 32 bytes from its start. If these went
/// beyond the cache line, each look-up would wait for a second one.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Slot {
    /// The text, or the number of a text elsewhere. Numbers are at the start of a packed text.
    text: [u8; ROOM],
    pub(super) kind: Kind,
    /// The length of the client id, which is the end of the text.
    pub(super) client: u8,
    /// The number of characters of the skew and the location, which are the start of a packed text.
    pub(super) numbers: u8,
    /// The client's time; 0 for a removal, which has none.
    pub(super) stamp: PackedStamp,
    /// The number of the server's name.
    pub(super) server: u16,
    /// The neighbour that sent the update, or one of the values below.
    neighbour: u16,
    generation: u32,
}

/// The number of bytes of text in a slot.
const ROOM: usize = 43;

/// The last place where a client id can start.
const LAST_START: usize = 32;

/// What a slot stands for, and where its text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `AT ...`, packed in the slot.
    Here,
    /// `AT ...`, packed elsewhere.
    Elsewhere,
    /// `AT ...`, as it is elsewhere, because its server has no number.
    Report,
    /// `REMOVED ...`, as it is elsewhere.
    Removal,
    /// `AFTER ...`, as it is elsewhere.
    ReportAfterRemoval,
}

/// The values of `neighbour` for the other sources. A herd has fewer nodes than that, since each
/// needs a port for every link.
const CLIENT: u16 = u16::MAX;
const JOURNAL: u16 = u16::MAX - 1;
const BACKBONE: u16 = u16::MAX - 2;

impl Slot {
    /// Returns a slot without a text.
    pub(super) fn new(kind: Kind, client: &[u8], stamp: PackedStamp, source: Source) -> Slot {
        let (neighbour, generation) = match source {
            Source::Client => (CLIENT, 0),
            Source::Journal => (JOURNAL, 0),
            Source::Backbone => (BACKBONE, 0),
            Source::Neighbour(NeighbourId(id), generation) => (id, generation),
        };
        let client = client.len() as u8;
        Slot { generation, neighbour, server: 0, stamp, kind, client, numbers: 0, text: [0; ROOM] }
    }

    /// Stores a packed text if there is room for it.
    pub(super) fn put_here(&mut self, numbers: &Digits, client: &[u8]) -> bool {
        let digits = numbers.as_bytes();
        let end = self.end_of_text();
        let has_room = digits.len() + client.len() <= end;
        if has_room {
            self.text[..digits.len()].copy_from_slice(digits);
            self.text[end - client.len()..end].copy_from_slice(client);
        }
        has_room
    }

    /// Stores the number of a text.
    pub(super) fn put_elsewhere(&mut self, number: u32) {
        self.text[..4].copy_from_slice(&number.to_le_bytes());
    }

    /// Returns the text, or the number of the text elsewhere.
    pub(super) fn text(&self) -> Result<&[u8], u32> {
        match (self.kind, self.text.first_chunk()) {
            (Kind::Here, _) | (_, None) => Ok(&self.text[..self.end_of_text()]),
            (_, Some(number)) => Err(u32::from_le_bytes(*number)),
        }
    }

    /// Returns where a packed text ends in the slot.
    fn end_of_text(&self) -> usize {
        ROOM.min(LAST_START + usize::from(self.client))
    }

    pub(super) fn source(&self) -> Source {
        match self.neighbour {
            CLIENT => Source::Client,
            JOURNAL => Source::Journal,
            BACKBONE => Source::Backbone,
            neighbour => Source::Neighbour(NeighbourId(neighbour), self.generation),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_one_cache_line() {
        assert_eq!((size_of::<Slot>(), align_of::<Slot>()), (64, 64));
    }

    #[test]
    fn a_slot_keeps_every_source() {
        let sources = [
            Source::Client,
            Source::Journal,
            Source::Backbone,
            Source::Neighbour(NeighbourId(0), u32::MAX),
            Source::Neighbour(NeighbourId(700), 0),
        ];
        for source in sources {
            let slot = Slot::new(Kind::Here, b"kiwi", PackedStamp::default(), source);
            assert_eq!(slot.source(), source);
        }
    }
}
