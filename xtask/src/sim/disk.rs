//! A simulated disk. Appended bytes are in the system's memory, synced bytes are on disk. Names
//! work the same way: a renamed file may have its old name after a crash of the machine.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, Cursor};
use std::ops::Range;
use std::rc::Rc;

use fastrand::Rng;
use herd::journal::{Disk, Log};

/// The disk of a node. All clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(super) struct SimDisk {
    names: Rc<RefCell<Names>>,
    fails: Rc<Cell<Fails>>,
}

/// The files of the disk by their names.
#[derive(Debug, Default)]
struct Names {
    journal: Option<SimFile>,
    draft: Option<SimFile>,
    /// The file that will be the journal after a crash of the machine.
    synced: Option<SimFile>,
}

/// The operations of a disk that fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fails {
    /// No operation fails.
    #[default]
    Nothing,
    /// Writes and syncs fail, as if the disk were full.
    Writes,
    /// Syncs fail.
    Syncs,
}

/// A file. All clones are the same file.
#[derive(Clone, Debug)]
pub(super) struct SimFile {
    bytes: Rc<RefCell<Bytes>>,
    fails: Rc<Cell<Fails>>,
}

#[derive(Debug, Default)]
struct Bytes {
    written: Vec<u8>,
    /// The number of bytes on disk.
    synced: usize,
    /// The ranges that failed syncs dropped. The system takes them for clean and never writes them.
    dropped: Vec<Range<usize>>,
}

impl SimDisk {
    /// Simulates a crash of the machine. Of the bytes that were not synced, only the first ones
    /// remain, often none. They need not end with a line end, and garbage may follow them.
    pub(super) fn lose_unsynced(&self, rng: &mut Rng) {
        let mut names = self.names.borrow_mut();
        // A renaming that was not synced may or may not have happened.
        if rng.bool() {
            names.journal = names.synced.clone();
        }
        names.synced = names.journal.clone();
        if let Some(file) = &names.journal {
            file.bytes.borrow_mut().lose_unsynced(rng);
        }
    }

    /// Replaces the disk with an empty one.
    pub(super) fn lose_everything(&self) {
        *self.names.borrow_mut() = Names::default();
    }

    /// Sets the operations that fail from now on.
    pub(super) fn fail(&self, fails: Fails) {
        self.fails.set(fails);
    }

    /// Damages the first half of the journal: flips a bit, or removes, repeats or swaps lines.
    pub(super) fn damage(&self, rng: &mut Rng) {
        if let Some(file) = &self.names.borrow().journal {
            let mut file = file.bytes.borrow_mut();
            let beginning = file.written.len().div_ceil(2);
            if beginning == 0 {
                return;
            }
            let kind_of_damage = rng.u8(..6);
            if kind_of_damage < 3 {
                file.written[rng.usize(..beginning)] ^= 1 << rng.u8(..8);
                return;
            }
            let mut lines: Vec<&[u8]> = file.written.split_inclusive(|byte| *byte == b'\n').collect();
            let (one, other) = (rng.usize(..lines.len().div_ceil(2)), rng.usize(..lines.len()));
            match kind_of_damage {
                3 if one + 1 < lines.len() => drop(lines.remove(one)),
                4 if one != other => lines.swap(one, other),
                _ => lines.insert(other, lines[one]),
            }
            file.written = lines.concat();
            file.synced = file.synced.min(file.written.len());
        }
    }
}

impl Bytes {
    fn lose_unsynced(&mut self, rng: &mut Rng) {
        for range in std::mem::take(&mut self.dropped) {
            // Damage may have made the file shorter since.
            let end = range.end.min(self.written.len());
            self.written[range.start.min(end)..end].fill(0);
        }
        let kept = if rng.bool() { self.synced } else { rng.usize(self.synced..=self.written.len()) };
        let rest = self.written.len() - kept;
        self.written.truncate(kept);
        match rng.u8(..4) {
            0 => self.written.resize(kept + rest, 0),
            1 => self.written.extend((0..rest).map(|_| rng.u8(b'\n'..=b'\r'))),
            _ => {}
        }
        self.synced = self.written.len();
    }
}

impl Disk for SimDisk {
    type Log = SimFile;

    fn read(&mut self) -> io::Result<Option<Box<dyn BufRead + '_>>> {
        let written = self.names.borrow().journal.as_ref().map(|file| file.bytes.borrow().written.clone());
        Ok(written.map(|written| Box::new(Cursor::new(written)) as Box<dyn BufRead>))
    }

    fn log(&mut self) -> io::Result<SimFile> {
        self.names.borrow().journal.clone().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn draft(&mut self) -> io::Result<SimFile> {
        check_write(&self.fails)?;
        let draft = SimFile { bytes: Rc::default(), fails: Rc::clone(&self.fails) };
        self.names.borrow_mut().draft = Some(draft.clone());
        Ok(draft)
    }

    fn install(&mut self) -> io::Result<()> {
        check_write(&self.fails)?;
        let mut names = self.names.borrow_mut();
        let draft = names.draft.take().ok_or(io::ErrorKind::NotFound)?;
        names.journal = Some(draft);
        Ok(())
    }

    fn sync_names(&mut self) -> io::Result<()> {
        check_sync(&self.fails)?;
        let mut names = self.names.borrow_mut();
        names.synced = names.journal.clone();
        Ok(())
    }

    fn keep_damaged(&mut self) -> io::Result<()> {
        check_write(&self.fails)
    }
}

impl Log for SimFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let result = check_write(&self.fails);
        let fits = match &result {
            Ok(()) => bytes.len(),
            // A failed write may leave half of the bytes. Their number decides instead of a random
            // number: that is varied enough, and equal in every run.
            Err(_) if bytes.len() % 2 == 1 => bytes.len() / 2,
            Err(_) => 0,
        };
        self.bytes.borrow_mut().written.extend_from_slice(&bytes[..fits]);
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut file = self.bytes.borrow_mut();
        let result = check_sync(&self.fails);
        if result.is_err() {
            let unsynced = file.synced..file.written.len();
            file.dropped.push(unsynced);
        }
        // The next sync does not write what this one dropped.
        file.synced = file.written.len();
        result
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        check_write(&self.fails)?;
        let mut file = self.bytes.borrow_mut();
        let length = length as usize;
        file.written.truncate(length);
        file.synced = file.synced.min(length);
        file.dropped.iter_mut().for_each(|range| *range = range.start.min(length)..range.end.min(length));
        Ok(())
    }
}

fn check_write(fails: &Cell<Fails>) -> io::Result<()> {
    if fails.get() == Fails::Writes { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
}

fn check_sync(fails: &Cell<Fails>) -> io::Result<()> {
    if fails.get() == Fails::Nothing { Ok(()) } else { Err(io::Error::other("the disk cannot be written")) }
}
