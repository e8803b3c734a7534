//! Storage of records, packed.

use ahash::RandomState;

use super::change_log::RecordId;
use super::digits::Digits;
use super::names::Names;
use super::record::{Record, Source};
use super::slab::Slab;
use super::slot::{Kind, Slot};
use super::stamp::PackedStamp;
use super::texts::Texts;
use crate::message::Update;

/// The records of a table by number, and what their slots refer to.
#[derive(Debug)]
pub(super) struct Records {
    slots: Slab<Slot>,
    texts: Texts,
    servers: Names,
    /// A text while it is put together.
    scratch: Vec<u8>,
}

impl Records {
    pub(super) fn new(hasher: RandomState) -> Records {
        Records {
            slots: Slab::default(),
            texts: Texts::default(),
            servers: Names::new(hasher),
            scratch: Vec::new(),
        }
    }

    /// Returns the number of records.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Adds a record, and returns its number.
    pub(super) fn push(&mut self, update: &Update<'_>, source: Source) -> RecordId {
        let slot = self.pack(update, source, None);
        self.slots.push(slot)
    }

    /// Replaces a record by a later one of the same client.
    pub(super) fn replace(&mut self, record: RecordId, update: &Update<'_>, source: Source) {
        let known = self.slots.get(record).text().err();
        let slot = self.pack(update, source, known);
        *self.slots.get_mut(record) = slot;
    }

    /// Removes a record.
    pub(super) fn remove(&mut self, record: RecordId) {
        if let Err(text) = self.slots.get(record).text() {
            self.texts.remove(text);
        }
        self.slots.remove(record, Slot::new(Kind::Here, b"", PackedStamp::default(), Source::Journal));
    }

    /// Returns the record with a number. If there is none, returns `None` or one without a client.
    pub(super) fn look(&self, record: RecordId) -> Option<Record<'_>> {
        self.slots.look(record).map(|slot| Record::new(slot, self))
    }

    /// Returns the record with a number.
    pub(super) fn get(&self, record: RecordId) -> Record<'_> {
        Record::new(self.slots.get(record), self)
    }

    /// Loads records into the processor's cache, if they exist. The loads do not depend on each
    /// other, so they overlap; when records are used one after another, each waits for the one
    /// before.
    pub(super) fn preload(&self, records: impl Iterator<Item = RecordId>) {
        let is_removal = |record| self.look(record).is_some_and(|record| record.is_removal());
        let sum = records.fold(0, |sum, record| sum ^ u8::from(is_removal(record)));
        // The compiler must not skip the loads.
        std::hint::black_box(sum);
    }

    pub(super) fn texts(&self) -> &Texts {
        &self.texts
    }

    pub(super) fn servers(&self) -> &Names {
        &self.servers
    }

    /// Packs an update. `known` is the number of the text that it replaces.
    fn pack(&mut self, update: &Update<'_>, source: Source, known: Option<u32>) -> Slot {
        let client = update.client.as_bytes();
        let stamp =
            update.report.as_ref().map_or(PackedStamp::default(), |at| PackedStamp::pack(at.iamat.stamp));
        let server = update.report.as_ref().and_then(|at| self.servers.number(at.server()));
        let kind = match (&update.report, update.removals, server) {
            (None, ..) => Kind::Removal,
            (Some(_), 0, Some(_)) => Kind::Elsewhere,
            (Some(_), 0, None) => Kind::Report,
            (Some(_), ..) => Kind::ReportAfterRemoval,
        };
        let mut slot = Slot::new(kind, client, stamp, source);
        self.scratch.clear();
        match (&update.report, server) {
            (Some(at), Some(server)) if kind == Kind::Elsewhere => {
                let numbers = Digits::pack(at);
                slot.server = server;
                slot.numbers = numbers.count();
                if slot.put_here(&numbers, client) {
                    slot.kind = Kind::Here;
                    known.into_iter().for_each(|known| self.texts.remove(known));
                    return slot;
                }
                self.scratch.extend_from_slice(numbers.as_bytes());
            }
            _ => self.scratch.extend_from_slice(update.line),
        }
        self.scratch.extend_from_slice(client);
        slot.put_elsewhere(self.texts.put(known, &self.scratch));
        slot
    }
}
