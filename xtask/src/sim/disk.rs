//! A simulated disk: what was appended is in the system's memory, what was synced is on disk.

use std::cell::RefCell;
use std::io::{self, BufRead, Cursor};
use std::rc::Rc;

use fastrand::Rng;
use herd::journal::{Disk, Log};

/// A node's disk. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(super) struct SimDisk(Rc<RefCell<Option<SimFile>>>);

/// A file. Clones are the same file.
#[derive(Clone, Debug, Default)]
pub(super) struct SimFile(Rc<RefCell<Bytes>>);

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
        if let Some(SimFile(file)) = &*self.0.borrow() {
            let mut file = file.borrow_mut();
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
        *self.0.borrow_mut() = None;
    }

    /// A bit is turned over, somewhere before the last lines.
    pub(super) fn damage(&self, rng: &mut Rng) {
        if let Some(SimFile(file)) = &*self.0.borrow() {
            let mut file = file.borrow_mut();
            let length = file.written.len();
            file.written[rng.usize(..length.div_ceil(2))] ^= 1 << rng.u8(..8);
        }
    }
}

impl Disk for SimDisk {
    type Log = SimFile;

    fn read(&mut self) -> io::Result<Option<Box<dyn BufRead + '_>>> {
        let written = self.0.borrow().as_ref().map(|file| file.0.borrow().written.clone());
        Ok(written.map(|written| Box::new(Cursor::new(written)) as Box<dyn BufRead>))
    }

    fn log(&mut self) -> io::Result<SimFile> {
        Ok(self.0.borrow_mut().get_or_insert_default().clone())
    }

    fn draft(&mut self) -> io::Result<SimFile> {
        Ok(SimFile::default())
    }

    fn install(&mut self, draft: SimFile) -> io::Result<SimFile> {
        *self.0.borrow_mut() = Some(draft.clone());
        Ok(draft)
    }

    fn keep_damaged(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log for SimFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.borrow_mut().written.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut file = self.0.borrow_mut();
        file.synced = file.written.len();
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let mut file = self.0.borrow_mut();
        file.written.truncate(length as usize);
        file.synced = file.synced.min(file.written.len());
        Ok(())
    }
}
