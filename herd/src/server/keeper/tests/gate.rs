//! A real folder behind a gate: while that is closed, an operation does not return.

use std::io::{self, BufRead};
use std::path::Path;
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
    waiting: usize,
}

impl Gate {
    pub(super) fn close(&self, operation: &'static str) {
        self.state().closed = Some(operation);
    }

    pub(super) fn open(&self) {
        self.state().closed = None;
        self.0.1.notify_all();
    }

    /// Has an operation fail from now on, or none.
    pub(super) fn fail(&self, operation: Option<&'static str>) {
        self.state().failing = operation;
    }

    /// Whether a thread waits until it is opened.
    pub(super) fn is_waited_at(&self) -> bool {
        self.state().waiting > 0
    }

    fn pass(&self, operation: &'static str) -> io::Result<()> {
        let mut state = self.state();
        state.waiting += 1;
        while state.closed == Some(operation) {
            state = self.0.1.wait(state).unwrap();
        }
        state.waiting -= 1;
        if state.failing == Some(operation) { Err(io::Error::other("the gate says so")) } else { Ok(()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap()
    }
}

#[derive(Debug)]
pub(super) struct GatedDisk {
    folder: Folder,
    gate: Gate,
}

#[derive(Clone, Debug)]
pub(super) struct GatedLog {
    file: LogFile,
    gate: Gate,
}

impl GatedDisk {
    pub(super) fn open(folder: &Path, gate: &Gate) -> GatedDisk {
        GatedDisk { folder: Folder::open(folder).unwrap(), gate: gate.clone() }
    }

    fn gated(&self, file: LogFile) -> GatedLog {
        GatedLog { file, gate: self.gate.clone() }
    }
}

impl Disk for GatedDisk {
    type Log = GatedLog;

    fn read(&mut self) -> io::Result<Option<Box<dyn BufRead + '_>>> {
        self.folder.read()
    }

    fn log(&mut self) -> io::Result<GatedLog> {
        self.folder.log().map(|file| self.gated(file))
    }

    fn draft(&mut self) -> io::Result<GatedLog> {
        self.folder.draft().map(|file| self.gated(file))
    }

    fn install(&mut self) -> io::Result<()> {
        self.folder.install()
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
        self.gate.pass("fsync")?;
        self.file.sync()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.cut(length)
    }
}
