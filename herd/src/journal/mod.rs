//! What a node knows, kept on disk: a journal that it is read back from at the next start.
//!
//! A journal is a file of lines, each with a checksum (see [`Line`]). It is one more reader of the node's change log,
//! as a link is: what has changed since it was last written is appended, [before](Journal::write) anybody is told. So
//! a disk that fails costs no memory: when it is back, the journal is [written anew](Snapshot) from the table.
//!
//! | happened to the file | at the next start |
//! |---|---|
//! | nothing: the node stopped, or its process was killed | all is as it was, sequences, epoch and cursors too |
//! | the machine stopped too, without the node being stopped before | the last second may be missing without a trace: a new epoch, so that neighbours hear everything again |
//! | its last lines are torn | they are cut off; a new epoch |
//! | lines in its middle are damaged | they are skipped, and the file kept aside; a new epoch, and all cursors are forgotten: neighbours say everything again |
//!
//! The module does no I/O of its own, but through [`Disk`] and [`Log`]: [`Folder`] is the real one.

mod disk;
mod folder;
mod line;
mod replay;
mod snapshot;

pub use disk::{Disk, Log};
pub use folder::{Folder, LogFile, boot_id};
pub use line::{FORMAT, Line};
pub use replay::{Damage, ReplayError, Replayed, read};
pub use snapshot::Snapshot;

use std::fmt;
use std::io;

use crate::bug::{Bug, is_planted};
use crate::node::{Cursor, Node};
use replay::replay;

/// A node's journal, open for appending.
pub struct Journal<D: Disk> {
    disk: D,
    log: D::Log,
    /// This life of the machine, to know the next one.
    boot: String,
    epochs: Epochs,
    /// The last sequence of the node's log that is in the file.
    written: u64,
    /// The cursors that are in the file, as [`Node::cursors`] lists them.
    cursors: Vec<Cursor>,
    size: Size,
    /// What the disk said when it failed.
    failure: Option<String>,
    /// What it said when a draft may or may not have taken the file's place: the next write fails of it.
    unplaced: Option<io::Error>,
    /// One write's bytes.
    buffer: Vec<u8>,
}

/// Gives a number that was never an epoch before, and not 0: a random one.
pub type Epochs = Box<dyn FnMut() -> u64 + Send>;

/// How much of the file is of use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes in the file.
    pub bytes: u64,
    /// Updates in the file, and their bytes.
    pub updates: u64,
    /// The bytes of its updates.
    pub update_bytes: u64,
}

/// Why a journal cannot be opened. The files are as they were.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is of another node, or of another format.
    #[error(transparent)]
    Unfit(#[from] ReplayError),
    /// The system says no.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

impl<D: Disk> Journal<D> {
    /// Reads back what the node knew, into a `node` that knows nothing yet, and prepares for more. `boot` names this
    /// life of the machine, `None` if that is not known. The node's epoch becomes the one of the journal, unless
    /// something may have been lost.
    ///
    /// # Errors
    /// Nothing has changed on disk.
    pub fn open(
        mut disk: D,
        node: &mut Node,
        boot: Option<&str>,
        epochs: Epochs,
    ) -> Result<(Self, Replayed), OpenError> {
        let replayed = match disk.read()? {
            Some(file) => replay(file, node)?,
            None => Replayed::default(),
        };
        if replayed.is_damaged() && !is_planted(Bug::CursorsKeptAfterBadRecord) {
            node.forget_cursors();
        }
        let may_lack_its_end = replayed.is_torn() || !replayed.closed && replayed.boot.as_deref() != boot;
        if let Some(epoch) = replayed.epoch
            && !replayed.is_damaged()
            && (!may_lack_its_end || is_planted(Bug::EpochKeptAfterLostTail))
        {
            node.begin_epoch(epoch);
        }
        let log = disk.log()?;
        let mut journal = Journal {
            disk,
            log,
            boot: boot.unwrap_or("unknown").to_owned(),
            epochs,
            written: node.table().head(),
            cursors: Vec::new(),
            size: Size::default(),
            failure: None,
            unplaced: None,
            buffer: Vec::new(),
        };
        // What goes wrong from here on is what may go wrong later as well.
        let prepared = if replayed.is_unfit_to_go_on() {
            journal.begin_anew(&replayed, node)
        } else {
            journal.go_on(&replayed, node)
        };
        if let Err(error) = prepared {
            journal.fail(node, &error);
        }
        Ok((journal, replayed))
    }

    /// Appends what has changed since it was last called, if anything has. To be called before anybody is told of it.
    ///
    /// # Errors
    /// The disk has failed just now. From here on nothing is appended until a [`Snapshot`] has been
    /// [taken over](Self::take_over); and since the file lacks what neighbours will be told, the node is in a new epoch.
    pub fn write(&mut self, node: &mut Node) -> io::Result<()> {
        if self.failure.is_some() {
            return Ok(());
        }
        if let Some(error) = self.unplaced.take() {
            self.fail(node, &error);
            return Err(error);
        }
        self.buffer.clear();
        let mut size = self.size;
        for (sequence, record) in node.table().changes_after(self.written) {
            let before = self.buffer.len();
            Line::Update { sequence, at: record.line() }.write(&mut self.buffer);
            size.note_update(self.buffer.len() - before);
        }
        write_cursors(node, &mut self.cursors, &mut self.buffer);
        if self.buffer.is_empty() {
            return Ok(());
        }
        size.bytes += self.buffer.len() as u64;
        let appended = self.log.append(&self.buffer);
        self.buffer.shrink_to(KEPT);
        if let Err(error) = appended {
            self.fail(node, &error);
            return Err(error);
        }
        self.written = node.table().head();
        self.size = size;
        Ok(())
    }

    /// Notes that the disk has failed, as [`write`](Self::write) does when it finds out by itself.
    pub fn fail(&mut self, node: &mut Node, error: &io::Error) {
        self.failure = Some(error.to_string());
        node.begin_epoch((self.epochs)());
    }

    /// What the disk said when it failed: the file lacks what has changed since.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// The last sequence that is in the file, which need not be on disk yet.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// The file.
    pub fn log(&self) -> &D::Log {
        &self.log
    }

    /// How much of the file is of use.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Whether it is worth writing the journal anew: the disk has failed, or the file is longer than `least` bytes and
    /// more than twice what is of use.
    pub fn wants_snapshot(&self, node: &Node, least: u64) -> bool {
        self.failure.is_some() || self.size.bytes > least && self.size.bytes > 2 * self.size.live_bytes(node)
    }

    /// Begins to write the journal anew.
    ///
    /// # Errors
    /// The disk fails.
    pub fn begin_snapshot(&mut self, node: &Node) -> io::Result<Snapshot<D::Log>> {
        Snapshot::begin(self.disk.draft()?, node, &self.boot)
    }

    /// Puts a snapshot in the place of the journal, with all that has changed since it was collected.
    ///
    /// # Errors
    /// The disk has failed. The journal may be what it was or the snapshot, so nothing more is appended: if it worked until
    /// now, the next [write](Self::write) fails.
    pub fn take_over(&mut self, mut snapshot: Snapshot<D::Log>, node: &Node) -> io::Result<()> {
        let cursors = snapshot.finish(node)?;
        match self.disk.install(snapshot.log) {
            Ok(log) => self.log = log,
            Err(error) => {
                self.unplaced = Some(io::Error::new(error.kind(), error.to_string()));
                return Err(error);
            }
        }
        (self.written, self.cursors, self.size) = (node.table().head(), cursors, snapshot.size);
        (self.failure, self.unplaced) = (None, None);
        Ok(())
    }

    /// Says at the end of the file that nothing is missing. To be called when the node does not change any more.
    ///
    /// # Errors
    /// The disk fails. The next start takes the file as that of a process that was killed.
    pub fn close(mut self, node: &mut Node) -> io::Result<()> {
        self.write(node)?;
        if self.failure.is_none() {
            self.log.sync()?;
            let mut closed = Vec::new();
            Line::Closed.write(&mut closed);
            self.log.append(&closed)?;
            self.log.sync()?;
        }
        Ok(())
    }

    /// Writes a whole new file.
    fn begin_anew(&mut self, replayed: &Replayed, node: &Node) -> io::Result<()> {
        if replayed.is_damaged() {
            self.disk.keep_damaged()?;
        }
        let mut snapshot = self.begin_snapshot(node)?;
        while snapshot.collect(node) {
            snapshot.append()?;
        }
        self.take_over(snapshot, node)
    }

    /// Goes on at the end of the file.
    fn go_on(&mut self, replayed: &Replayed, node: &Node) -> io::Result<()> {
        if replayed.is_torn() {
            self.log.cut(replayed.size.bytes)?;
        }
        let mut begin = Vec::new();
        if replayed.epoch != Some(node.epoch()) {
            Line::Epoch(node.epoch()).write(&mut begin);
        }
        Line::Boot(&self.boot).write(&mut begin);
        self.log.append(&begin)?;
        // Before anything new: else a machine that stops soon might bring an older end back, even one that says that
        // nothing is missing.
        self.log.sync()?;
        self.size = replayed.size;
        self.size.bytes += begin.len() as u64;
        self.cursors = node.cursors().map(|(_, cursor)| cursor).collect();
        Ok(())
    }
}

/// The size to which the buffer of a large write is shrunk.
const KEPT: usize = 256 * 1024;

/// Writes the cursors that have moved since they were `known`.
fn write_cursors(node: &Node, known: &mut Vec<Cursor>, out: &mut Vec<u8>) {
    for (index, (neighbour, cursor)) in node.cursors().enumerate() {
        let was = known.get(index).copied().unwrap_or_default();
        if was != cursor {
            Line::Cursor { neighbour, cursor }.write(out);
        }
        match known.get_mut(index) {
            Some(known) => *known = cursor,
            None => known.push(cursor),
        }
    }
}

impl Size {
    fn note_update(&mut self, bytes: usize) {
        self.updates += 1;
        self.update_bytes += bytes as u64;
    }

    /// The bytes of what the node knows, taken to be as long as an update in the file is on average.
    fn live_bytes(&self, node: &Node) -> u64 {
        self.update_bytes / self.updates.max(1) * node.table().all() as u64
    }
}

impl<D: Disk> fmt::Debug for Journal<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("written", &self.written)
            .field("size", &self.size)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
