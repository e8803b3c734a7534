//! A simulated disk: what was appended is in the system's memory, what was synced is on disk.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, Cursor};
use std::rc::Rc;

use fastrand::Rng;
use herd::journal::{Disk, Log};

/// A node's disk. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(super) struct SimDisk {
    journal: Rc<RefCell<Option<SimFile>>>,
    /// Whether nothing can be written.
    fails: Rc<Cell<bool>>,
}

/// A file. Clones are the same file.
#[derive(Clone, Debug)]
pub(super) struct SimFile {
    bytes: Rc<RefCell<Bytes>>,
    fails: Rc<Cell<bool>>,
}

#[derive(Debug, Default)]
struct Bytes {
    written: Vec<u8>,
    /// How much of it is on disk.
    synced: usize,
}

impl SimDisk {
    /// The machine stops: of what was not synced, only a beginning is there afterwards, which need not end with a line.
    /// Mostly it is nothing; and the rest may be there as nonsense.
    pub(super) fn lose_unsynced(&self, rng: &mut Rng) {
        if let Some(file) = &*self.journal.borrow() {
            let mut file = file.bytes.borrow_mut();
            let kept = if rng.bool() { file.synced } else { rng.usize(file.synced..=file.written.len()) };
            let rest = file.written.len() - kept;
            file.written.truncate(kept);
            match rng.u8(..4) {
                0 => file.written.resize(kept + rest, 0),
                1 => file.written.extend((0..rest).map(|_| rng.u8(b'\n'..=b'\r'))),
                _ => {}
            }
            file.synced = file.written.len();
        }
    }

    /// The disk is replaced by an empty one.
    pub(super) fn lose_everything(&self) {
        *self.journal.borrow_mut() = None;
    }

    /// From now on nothing can be written, or everything again.
    pub(super) fn fail(&self, fails: bool) {
        self.fails.set(fails);
    }

    /// A bit is turned over, somewhere before the last lines.
    pub(super) fn damage(&self, rng: &mut Rng) {
        if let Some(file) = &*self.journal.borrow() {
            let mut file = file.bytes.borrow_mut();
            let beginning = file.written.len().div_ceil(2);
            if beginning > 0 {
                file.written[rng.usize(..beginning)] ^= 1 << rng.u8(..8);
            }
        }
    }
}

impl Disk for SimDisk {
    type Log = SimFile;

    fn read(&mut self) -> io::Result<Option<Box<dyn BufRead + '_>>> {
        let written = self.journal.borrow().as_ref().map(|file| file.bytes.borrow().written.clone());
        Ok(written.map(|written| Box::new(Cursor::new(written)) as Box<dyn BufRead>))
    }

    fn log(&mut self) -> io::Result<SimFile> {
        Ok(self.journal.borrow_mut().get_or_insert_with(|| SimFile::on(&self.fails)).clone())
    }

    fn draft(&mut self) -> io::Result<SimFile> {
        works(&self.fails).map(|()| SimFile::on(&self.fails))
    }

    fn install(&mut self, draft: SimFile) -> io::Result<SimFile> {
        let result = works(&self.fails);
        // It may have been renamed before it failed.
        if result.is_ok() || is_odd(draft.bytes.borrow().written.len()) {
            *self.journal.borrow_mut() = Some(draft.clone());
        }
        result.map(|()| draft)
    }

    fn keep_damaged(&mut self) -> io::Result<()> {
        works(&self.fails)
    }
}

impl SimFile {
    /// An empty file on a disk that fails when this says so.
    fn on(fails: &Rc<Cell<bool>>) -> SimFile {
        SimFile { bytes: Rc::default(), fails: Rc::clone(fails) }
    }
}

impl Log for SimFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let result = works(&self.fails);
        let fits = match &result {
            Ok(()) => bytes.len(),
            // Half of it is there, and could not be cut off.
            Err(_) if is_odd(bytes.len()) => bytes.len() / 2,
            Err(_) => 0,
        };
        self.bytes.borrow_mut().written.extend_from_slice(&bytes[..fits]);
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        works(&self.fails)?;
        let mut file = self.bytes.borrow_mut();
        file.synced = file.written.len();
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        works(&self.fails)?;
        let mut file = self.bytes.borrow_mut();
        file.written.truncate(length as usize);
        file.synced = file.synced.min(file.written.len());
        Ok(())
    }
}

fn works(fails: &Cell<bool>) -> io::Result<()> {
    if fails.get() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
}

/// As good as chance, and the same each time.
fn is_odd(length: usize) -> bool {
    !length.is_multiple_of(2)
}
