//! What a node knows, kept on disk: a journal that it is read back from at the next start.
//!
//! A journal is a file of lines, each with a checksum and a number (see [`Line`]). It is one more reader of the node's
//! change log, as a link is: what has changed since it was last written is [collected](Journal::collect) while the node is
//! locked, and [appended](Journal::append) while it is not. Nothing goes on a link before it has been appended. So a disk
//! that fails costs no memory: when it is back, the journal is [compacted](Snapshot) from the table.
//!
//! | happened to the file | at the next start |
//! |---|---|
//! | nothing: the node stopped, or its process was killed | all is as it was, sequences, epoch and cursors too |
//! | the machine stopped too, without the node being stopped before | the last second may be missing without a trace: a new epoch, so that neighbours hear everything again |
//! | its last lines are torn | they are cut off; a new epoch |
//! | other lines are damaged, missing or out of place, or the file is empty | what can be read is kept, and the file put aside; a new epoch, and all cursors are forgotten: neighbours say everything again |
//! | it is deleted | the node starts with nothing, in a new epoch |
//!
//! A journal gets its name only when its header is on disk, so a file that exists is never empty unless it was damaged.
//!
//! The module does no I/O except through [`Disk`] and [`Log`]: [`Folder`] is the real one.

mod disk;
mod folder;
mod line;
mod replay;
mod snapshot;
mod tail;

pub use disk::{Disk, Log};
pub use folder::{Folder, LogFile, boot_id};
pub use line::{FORMAT, Line, OLDEST};
pub use replay::{Damage, Fault, ReplayError, Replayed, replay};
pub use snapshot::Snapshot;
pub use tail::Size;

use std::fmt;
use std::io;

use crate::bug::{Bug, is_planted};
use crate::node::Node;
use tail::Tail;

/// A node's journal, open for appending.
pub struct Journal<D: Disk> {
    disk: D,
    /// None if there is no file that may be appended to: then the disk has failed.
    log: Option<D::Log>,
    /// This life of the machine, to know the next one.
    boot: String,
    epochs: Epochs,
    /// What has been collected.
    tail: Tail,
    /// The last sequence that is in the file.
    written: u64,
    /// What the disk said when it failed.
    failure: Option<String>,
    /// What has been collected and not been appended yet.
    buffer: Vec<u8>,
}

/// Gives a number that was never an epoch before, and not 0: a random one.
pub type Epochs = Box<dyn FnMut() -> u64 + Send>;

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
        };
        // What goes wrong from here on is what may go wrong later as well.
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

    /// Collects what has changed since it was last called, to be [appended](Self::append): at most about `most` bytes.
    /// Returns whether there is more.
    pub fn collect(&mut self, node: &Node, most: usize) -> bool {
        self.failure.is_none() && self.tail.collect(node, most, &mut self.buffer)
    }

    /// Whether there is something to be appended.
    pub fn has_collected(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Appends what has been collected.
    ///
    /// # Errors
    /// The disk has failed just now, as is to be [noted](Self::fail) before anything else is done.
    pub fn append(&mut self) -> io::Result<()> {
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
    /// As with [`append`](Self::append).
    pub fn sync(&mut self) -> io::Result<()> {
        self.log.as_mut().map_or(Ok(()), Log::sync)
    }

    /// Collects and appends all that has changed, for one who need not let go of the node meanwhile.
    ///
    /// # Errors
    /// The disk has failed just now, as has been noted.
    pub fn write(&mut self, node: &mut Node) -> io::Result<()> {
        self.collect(node, usize::MAX);
        let appended = self.append();
        if let Err(error) = &appended {
            self.fail(node, error);
        }
        appended
    }

    /// Notes that the disk has failed. From here on nothing is appended until a [`Snapshot`] has been
    /// [installed](Self::install); and since the file lacks what neighbours will be told, the node begins a new epoch.
    pub fn fail(&mut self, node: &mut Node, error: &io::Error) {
        self.failure = Some(error.to_string());
        self.buffer.clear();
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

    /// The file, if there is one that works.
    pub fn log(&self) -> Option<&D::Log> {
        self.log.as_ref().filter(|_| self.failure.is_none())
    }

    /// How much of the file is of use.
    pub fn size(&self) -> Size {
        self.tail.size
    }

    /// Whether the journal is worth compacting: the disk has failed, or the file is longer than `least` bytes and more
    /// than twice what is of use.
    pub fn wants_snapshot(&self, node: &Node, least: u64) -> bool {
        let size = self.tail.size;
        self.failure.is_some() || size.bytes > least && size.bytes > 2 * size.live_bytes(node)
    }

    /// Begins to compact the journal of the node called `name`.
    ///
    /// # Errors
    /// The disk fails.
    pub fn begin_snapshot(&mut self, name: &str) -> io::Result<Snapshot<D::Log>> {
        Snapshot::begin(self.disk.draft()?, name, &self.boot)
    }

    /// Puts a snapshot that has been [finished](Snapshot::finish) and [sealed](Snapshot::seal) in the place of the journal.
    ///
    /// # Errors
    /// The disk has failed just now, as is to be [noted](Self::fail). The journal may be what it was or the snapshot.
    pub fn install(&mut self, snapshot: Snapshot<D::Log>) -> io::Result<()> {
        self.disk.install()?;
        self.disk.sync_names()?;
        self.log = Some(snapshot.log);
        self.written = snapshot.tail.sequence;
        self.tail = snapshot.tail;
        // Some of it may have been collected for the old file. It is in the snapshot too.
        self.buffer.clear();
        self.failure = None;
        Ok(())
    }

    /// Says at the end of the file that nothing is missing. To be called when everything has been
    /// [written](Self::write) and the node does not change any more.
    ///
    /// # Errors
    /// The disk fails. The next start takes the file as that of a process that was killed.
    pub fn close(&mut self) -> io::Result<()> {
        if self.failure.is_none() {
            self.sync()?;
            self.tail.write(Line::Closed, &mut self.buffer);
            self.append()?;
            self.sync()?;
        }
        Ok(())
    }

    /// Writes a whole new file.
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

    /// Goes on at the end of the file.
    fn resume_file(&mut self, replayed: &Replayed, node: &Node) -> io::Result<()> {
        let mut log = self.disk.log()?;
        // The process that gave the file its name may have been killed before the name was on disk.
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
        // Before anything new: else a machine that stops soon might bring an older end back, even one that says that
        // nothing is missing.
        self.sync()
    }
}

/// The size to which the buffer of a large write is shrunk.
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
