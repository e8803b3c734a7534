//! A real folder behind a gate: while the gate is closed, an operation does not return.

use std::io::{self, BufRead};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use crate::journal::{Disk, Folder, Log, LogFile};

/// Stops threads at an operation. Clones are the same gate.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Default)]
struct State {
    /// The operation that does not return.
    closed: Option<&'static str>,
    /// The operation that fails.
    failing: Option<&'static str>,
    /// The number of failed operations.
    failures: usize,
    waiting: usize,
}

/// The sync of a file that is not yet the journal.
pub(super) const DRAFT_SYNC: &str = "fsync of the draft";

impl Gate {
    pub(super) fn close(&self, operation: &'static str) {
        self.state().closed = Some(operation);
    }

    pub(super) fn open(&self) {
        self.state().closed = None;
        self.0.1.notify_all();
    }

    /// Makes an operation fail from now on, or none.
    pub(super) fn fail(&self, operation: Option<&'static str>) {
        self.state().failing = operation;
    }

    /// Whether a thread waits for the gate to open.
    pub(super) fn is_waited_at(&self) -> bool {
        self.state().waiting > 0
    }

    /// The number of failed operations.
    pub(super) fn failures(&self) -> usize {
        self.state().failures
    }

    fn pass(&self, operation: &'static str) -> io::Result<()> {
        let mut state = self.state();
        state.waiting += 1;
        while state.closed == Some(operation) {
            state = self.0.1.wait(state).unwrap();
        }
        state.waiting -= 1;
        if state.failing == Some(operation) {
            state.failures += 1;
            return Err(io::Error::other("the gate says so"));
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap()
    }
}

#[derive(Debug)]
pub(super) struct GatedDisk {
    folder: Folder,
    gate: Gate,
    /// Whether the latest draft is the journal now.
    installed: Arc<AtomicBool>,
}

#[derive(Clone, Debug)]
pub(super) struct GatedLog {
    file: LogFile,
    gate: Gate,
    is_journal: Arc<AtomicBool>,
}

impl GatedDisk {
    pub(super) fn open(folder: &Path, gate: &Gate) -> GatedDisk {
        GatedDisk { folder: Folder::open(folder).unwrap(), gate: gate.clone(), installed: Arc::default() }
    }

    fn gated(&self, file: LogFile, is_journal: Arc<AtomicBool>) -> GatedLog {
        GatedLog { file, gate: self.gate.clone(), is_journal }
    }
}

impl Disk for GatedDisk {
    type Log = GatedLog;

    fn read(&mut self) -> io::Result<Option<Box<dyn BufRead + '_>>> {
        self.folder.read()
    }

    fn log(&mut self) -> io::Result<GatedLog> {
        self.folder.log().map(|file| self.gated(file, Arc::new(AtomicBool::new(true))))
    }

    fn draft(&mut self) -> io::Result<GatedLog> {
        self.installed = Arc::default();
        self.folder.draft().map(|file| self.gated(file, Arc::clone(&self.installed)))
    }

    fn install(&mut self) -> io::Result<()> {
        self.folder.install()?;
        self.installed.store(true, Ordering::SeqCst);
        Ok(())
    }

    fn sync_names(&mut self) -> io::Result<()> {
        self.folder.sync_names()
    }

    fn keep_damaged(&mut self) -> io::Result<()> {
        self.folder.keep_damaged()
    }
}

impl Log for GatedLog {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.gate.pass("write")?;
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        if !self.is_journal.load(Ordering::SeqCst) {
            self.gate.pass(DRAFT_SYNC)?;
        }
        self.gate.pass("fsync")?;
        self.file.sync()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.cut(length)
    }
}
