//! The journal: a node's records on disk, replayed when the node starts.
//!
//! A journal is a file of lines, each with a checksum and a number (see [`Line`]). It reads the
//! node's change log, as a link does: changes are [collected](Journal::collect) while the node is
//! locked, and [appended](Journal::append) while it is not. Links send nothing before it has been
//! appended. A disk that fails costs no memory: when it works again, a [snapshot](Snapshot) of the
//! table replaces the file. Compaction does the same when much of the file is obsolete.
//!
//! | what happened to the file | after the next start |
//! |---|---|
//! | nothing: the node was stopped or its process was killed | everything is as before, including sequences, epoch and cursors |
//! | the machine stopped while the node was running | the last second may be missing without a trace: a new epoch begins, so that neighbours send everything again |
//! | its last lines are torn | they are cut off, and a new epoch begins |
//! | other lines are damaged, missing or out of place, or the file is empty | readable lines are kept and the file is put aside; a new epoch begins and all cursors are forgotten, so that neighbours send everything again |
//! | it was deleted | the node starts without records, in a new epoch |
//!
//! A journal gets its name only when its header is on disk, so an empty file is always a damaged
//! one.
//!
//! The module does no I/O except through the traits [`Disk`] and [`Log`]. [`Folder`] is the real
//! disk.

mod batch;
mod copy;
mod disk;
mod folder;
mod line;
mod progress;
mod replay;
mod snapshot;
mod tail;

pub use copy::{Copied, CopyError, copy};
pub use disk::{Disk, Log};
pub use folder::{Folder, LogFile, boot_id};
pub use line::{FORMAT, Line, OLDEST};
pub use progress::Progress;
pub use replay::{Damage, Fault, ReplayError, Replayed, replay};
pub use snapshot::Snapshot;
pub use tail::Size;

use std::fmt;
use std::io;

use crate::bug::{Bug, is_planted};
use crate::node::{Cursor, Node, RecentLines};
use tail::Tail;

/// A node's journal, open for appending.
pub struct Journal<D: Disk> {
    disk: D,
    /// `None` if no file can be appended to, because the disk has failed.
    log: Option<D::Log>,
    /// The id of this boot of the machine, to recognize the next one.
    boot: String,
    epochs: Epochs,
    /// What has been collected so far.
    tail: Tail,
    /// The last sequence in the file.
    written: u64,
    /// The disk's error, after it has failed.
    failure: Option<String>,
    /// What has been collected and not yet appended: lines of the file, then recent updates and
    /// cursors that are not lines yet.
    buffer: Vec<u8>,
    recent: RecentLines,
    cursors: Vec<(String, Cursor)>,
}

/// Returns a new epoch: a random number that has never been one, and is not 0.
pub type Epochs = Box<dyn FnMut() -> u64 + Send>;

/// Why a journal cannot be opened. The files are unchanged.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The journal cannot be replayed.
    #[error(transparent)]
    Unfit(#[from] ReplayError),
    /// The disk fails.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

impl<D: Disk> Journal<D> {
    /// Replays the journal into a `node` without records, and prepares for appending. `boot` is the
    /// id of this boot of the machine, if known. The node continues the journal's epoch, unless
    /// something may have been lost.
    ///
    /// A disk that fails after the replay is not an error: see [`failure`](Self::failure).
    ///
    /// # Errors
    /// Fails as [`OpenError`] lists. Nothing has changed on disk then.
    pub fn open(
        mut disk: D,
        node: &mut Node,
        boot: Option<&str>,
        epochs: Epochs,
    ) -> Result<(Self, Replayed), OpenError> {
        let name = node.name().to_owned();
        let replayed = match disk.read()? {
            Some(file) => replay(file, node, Some(&name))?,
            None => Replayed::default(),
        };
        if replayed.is_damaged && !is_planted(Bug::CursorsKeptAfterBadRecord) {
            node.forget_cursors();
        }
        let may_lack_its_end = replayed.is_torn() || !replayed.closed && replayed.boot.as_deref() != boot;
        if let Some(epoch) = replayed.epoch
            && !replayed.is_damaged
            && (!may_lack_its_end || is_planted(Bug::EpochKeptAfterLostTail))
        {
            node.begin_epoch(epoch);
        }
        let mut journal = Journal {
            disk,
            log: None,
            boot: boot.unwrap_or("unknown").to_owned(),
            epochs,
            tail: Tail::default(),
            written: node.table().head(),
            failure: None,
            buffer: Vec::new(),
            recent: RecentLines::default(),
            cursors: Vec::new(),
        };
        node.keep_recent(node.limits().journal_batch_bytes);
        // An error from here on can also happen later, and is handled in the same way.
        let prepared = if replayed.is_unfit_to_go_on() {
            journal.begin_file(&replayed, node)
        } else {
            journal.resume_file(&replayed, node)
        };
        if let Err(error) = prepared {
            journal.fail(node, &error);
        }
        Ok((journal, replayed))
    }

    /// Collects what has changed since the last call, up to about `most` bytes, to be
    /// [appended](Self::append) before the next call. Returns whether there is more.
    ///
    /// A journal that keeps up takes the lines of recent changes, which costs the node nothing. One
    /// that is behind reads the change log.
    pub fn collect(&mut self, node: &mut Node, most: usize) -> bool {
        if self.failure.is_some() {
            return false;
        }
        if node.take_recent(self.tail.sequence, &mut self.recent) {
            self.tail.collect_cursors(node, |name, cursor| self.cursors.push((name.to_owned(), cursor)));
            return false;
        }
        self.tail.collect(node, most, &mut self.buffer)
    }

    /// Returns whether something is waiting to be appended.
    pub fn has_collected(&self) -> bool {
        !self.buffer.is_empty() || !self.recent.is_empty() || !self.cursors.is_empty()
    }

    /// Makes lines of what has been collected.
    fn write_lines(&mut self) {
        for (sequence, at) in self.recent.after(self.tail.sequence) {
            self.tail.write(Line::Update { sequence, at }, &mut self.buffer);
            self.tail.sequence = sequence;
        }
        for (neighbour, cursor) in self.cursors.drain(..) {
            self.tail.write(Line::Cursor { neighbour: &neighbour, cursor }, &mut self.buffer);
        }
        self.recent.clear();
    }

    /// Drops what has been collected.
    fn drop_collected(&mut self) {
        self.buffer.clear();
        self.recent.clear();
        self.cursors.clear();
    }

    /// Appends what has been collected.
    ///
    /// # Errors
    /// Fails if the disk does. Call [`fail`](Self::fail) before anything else then.
    pub fn append(&mut self) -> io::Result<()> {
        self.write_lines();
        let result = match &mut self.log {
            Some(log) if !self.buffer.is_empty() => log.append(&self.buffer),
            _ => Ok(()),
        };
        self.buffer.clear();
        self.buffer.shrink_to(KEPT);
        result?;
        self.written = self.tail.sequence;
        Ok(())
    }

    /// Waits until everything appended is on disk.
    ///
    /// # Errors
    /// Fails as [`append`](Self::append) does.
    pub fn sync(&mut self) -> io::Result<()> {
        self.log.as_mut().map_or(Ok(()), Log::sync)
    }

    /// Collects and appends everything that has changed, for a caller that may hold the node
    /// meanwhile.
    ///
    /// # Errors
    /// Fails if the disk does. [`fail`](Self::fail) has been called then.
    pub fn write(&mut self, node: &mut Node) -> io::Result<()> {
        self.collect(node, usize::MAX);
        let appended = self.append();
        if let Err(error) = &appended {
            self.fail(node, error);
        }
        appended
    }

    /// Notes that the disk has failed. Nothing more is appended until a [`Snapshot`] has been
    /// [installed](Self::install). The node begins a new epoch, because the file lacks what
    /// neighbours will receive.
    pub fn fail(&mut self, node: &mut Node, error: &io::Error) {
        self.failure = Some(error.to_string());
        self.drop_collected();
        node.begin_epoch((self.epochs)());
    }

    /// Returns the disk's error if it has failed. The file lacks what has changed since.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Returns the last sequence in the file, which need not be on disk yet.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Returns the file, unless the disk has failed.
    pub fn log(&self) -> Option<&D::Log> {
        self.log.as_ref().filter(|_| self.failure.is_none())
    }

    /// Returns the size of the file.
    pub fn size(&self) -> Size {
        self.tail.size
    }

    /// Returns whether compaction is due: the disk has failed, or the file is longer than `least`
    /// bytes and more than half of it is obsolete. `records` is the number of the node's records.
    pub fn wants_snapshot(&self, records: usize, least: u64) -> bool {
        let size = self.tail.size;
        self.failure.is_some() || size.bytes > least && size.bytes > 2 * size.live_bytes(records)
    }

    /// Begins a compaction for the node called `name`.
    ///
    /// # Errors
    /// Fails if the disk does. The journal is unchanged then.
    pub fn begin_snapshot(&mut self, name: &str) -> io::Result<Snapshot<D::Log>> {
        Snapshot::begin(self.disk.draft()?, name, &self.boot)
    }

    /// Replaces the journal by a snapshot that has been [finished](Snapshot::finish) and
    /// [sealed](Snapshot::seal).
    ///
    /// # Errors
    /// Fails if the disk does. The file is the old one or the snapshot then; call
    /// [`fail`](Self::fail) before anything else.
    pub fn install(&mut self, snapshot: Snapshot<D::Log>) -> io::Result<()> {
        self.disk.install()?;
        self.disk.sync_names()?;
        self.log = Some(snapshot.log);
        self.written = snapshot.tail.sequence;
        self.tail = snapshot.tail;
        // Anything collected for the old file is in the snapshot too.
        self.drop_collected();
        self.failure = None;
        Ok(())
    }

    /// Notes at the end of the file that nothing is missing. Call it when everything has been
    /// [written](Self::write) and the node does not change any more.
    ///
    /// # Errors
    /// Fails if the disk does. The next start treats the file as that of a killed process.
    pub fn close(&mut self) -> io::Result<()> {
        if self.failure.is_none() {
            self.sync()?;
            self.tail.write(Line::Closed, &mut self.buffer);
            self.append()?;
            self.sync()?;
        }
        Ok(())
    }

    /// Writes a new file from the node's records.
    fn begin_file(&mut self, replayed: &Replayed, node: &Node) -> io::Result<()> {
        if replayed.is_damaged {
            self.disk.keep_damaged()?;
        }
        let mut snapshot = self.begin_snapshot(node.name())?;
        while !snapshot.finish(node) {
            snapshot.append()?;
        }
        snapshot.seal()?;
        self.install(snapshot)
    }

    /// Continues at the end of the file.
    fn resume_file(&mut self, replayed: &Replayed, node: &Node) -> io::Result<()> {
        let mut log = self.disk.log()?;
        // The process that created the file may have been killed before the name was on disk.
        self.disk.sync_names()?;
        if replayed.is_torn() {
            log.cut(replayed.size.bytes)?;
        }
        self.log = Some(log);
        self.tail = Tail {
            sequence: node.table().head(),
            cursors: node.cursors().map(|(_, cursor)| cursor).collect(),
            lines: replayed.lines,
            size: replayed.size,
        };
        if replayed.epoch != Some(node.epoch()) {
            self.tail.write(Line::Epoch(node.epoch()), &mut self.buffer);
        }
        self.tail.write(Line::Boot(&self.boot), &mut self.buffer);
        self.append()?;
        // Synced before anything new is written. Otherwise a machine that stops soon might bring
        // back an older end, even one that says that nothing is missing.
        self.sync()
    }
}

/// The capacity in bytes that the buffer keeps after a large write.
const KEPT: usize = 256 * 1024;

impl<D: Disk> fmt::Debug for Journal<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("written", &self.written)
            .field("size", &self.tail.size)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
