//! A disk in memory with a crash model: only what was synced survives a crash of the machine,
//! including names of files. A failed sync drops the data that it should have written, and the next
//! sync does not report it.

use std::cell::RefCell;
use std::io::{self, BufRead, Cursor, ErrorKind};
use std::rc::Rc;

use crate::journal::{Disk, Log};

/// A disk whose files vanish when it is dropped. Clones are the same disk.
#[derive(Clone, Default)]
pub(super) struct MemoryDisk(pub(super) Rc<RefCell<Files>>);

#[derive(Default)]
pub(super) struct Files {
    journal: Option<File>,
    draft: Option<File>,
    /// The file that is called journal after a crash of the machine.
    on_disk: Option<File>,
    damaged: Option<Vec<u8>>,
    /// How many more bytes can be appended; `None` for no bound.
    pub(super) room: Option<usize>,
    /// How many more steps succeed before everything fails; `None` for no bound.
    pub(super) steps: Option<usize>,
    /// Whether syncing names fails.
    pub(super) fails_to_sync_names: bool,
    /// Whether syncing files fails.
    pub(super) fails_to_sync: bool,
    /// The steps that were completed, in order.
    pub(super) done: Vec<Step>,
}

/// A completed operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Write,
    Sync,
    Rename,
    SyncNames,
    Cut,
}

type File = Rc<RefCell<Content>>;

#[derive(Default)]
struct Content {
    written: Vec<u8>,
    on_disk: Vec<u8>,
    /// How much of `written` the system believes to be on disk.
    clean: usize,
}

pub(super) struct MemoryLog {
    disk: MemoryDisk,
    file: File,
    length: usize,
}

impl MemoryDisk {
    pub(super) fn holding(journal: &[u8]) -> MemoryDisk {
        let content = Content { written: journal.to_vec(), on_disk: journal.to_vec(), clean: journal.len() };
        let file = Rc::new(RefCell::new(content));
        let files = Files { journal: Some(Rc::clone(&file)), on_disk: Some(file), ..Files::default() };
        MemoryDisk(Rc::new(RefCell::new(files)))
    }

    pub(super) fn journal(&self) -> Vec<u8> {
        self.0.borrow().journal.as_ref().map(|file| file.borrow().written.clone()).unwrap_or_default()
    }

    pub(super) fn damaged(&self) -> Option<Vec<u8>> {
        self.0.borrow().damaged.clone()
    }

    /// Stops the machine: what was not synced is lost.
    pub(super) fn crash(&self) {
        let mut files = self.0.borrow_mut();
        files.journal = files.on_disk.clone();
        files.draft = None;
        if let Some(file) = &files.journal {
            let content = &mut *file.borrow_mut();
            content.written.clone_from(&content.on_disk);
            content.clean = content.written.len();
        }
    }

    fn step(&self) -> io::Result<()> {
        match &mut self.0.borrow_mut().steps {
            Some(0) => Err(io::Error::other("the machine has stopped")),
            Some(steps) => {
                *steps -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn did(&self, step: Step) {
        self.0.borrow_mut().done.push(step);
    }

    fn open(&self, file: File) -> MemoryLog {
        let length = file.borrow().written.len();
        MemoryLog { disk: self.clone(), file, length }
    }
}

impl Disk for MemoryDisk {
    type Log = MemoryLog;

    fn read(&mut self) -> io::Result<Option<Box<dyn BufRead + '_>>> {
        let is_there = self.0.borrow().journal.is_some();
        Ok(is_there.then(|| Box::new(Cursor::new(self.journal())) as Box<dyn BufRead>))
    }

    fn log(&mut self) -> io::Result<MemoryLog> {
        self.step()?;
        let file = self.0.borrow().journal.clone();
        file.map(|file| self.open(file)).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn draft(&mut self) -> io::Result<MemoryLog> {
        self.step()?;
        let file = File::default();
        self.0.borrow_mut().draft = Some(Rc::clone(&file));
        Ok(self.open(file))
    }

    fn install(&mut self) -> io::Result<()> {
        self.step()?;
        let mut files = self.0.borrow_mut();
        files.journal = Some(files.draft.take().expect("a draft"));
        files.done.push(Step::Rename);
        Ok(())
    }

    fn sync_names(&mut self) -> io::Result<()> {
        self.step()?;
        let mut files = self.0.borrow_mut();
        if files.fails_to_sync_names {
            return Err(io::Error::other("the folder cannot be synced"));
        }
        files.on_disk = files.journal.clone();
        files.done.push(Step::SyncNames);
        Ok(())
    }

    fn keep_damaged(&mut self) -> io::Result<()> {
        self.step()?;
        let journal = self.journal();
        self.0.borrow_mut().damaged = Some(journal);
        Ok(())
    }
}

impl Log for MemoryLog {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.step()?;
        let mut fits = bytes.len();
        if let Some(room) = &mut self.disk.0.borrow_mut().room {
            fits = fits.min(*room);
            *room -= fits;
        }
        let written = &mut self.file.borrow_mut().written;
        written.truncate(self.length);
        written.extend_from_slice(&bytes[..fits]);
        if fits < bytes.len() {
            return Err(ErrorKind::StorageFull.into());
        }
        self.length += fits;
        self.disk.did(Step::Write);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.step()?;
        let fails = self.disk.0.borrow().fails_to_sync;
        let content = &mut *self.file.borrow_mut();
        content.on_disk.truncate(content.written.len());
        let unsynced = &content.written[content.clean..];
        if fails {
            content.on_disk.resize(content.on_disk.len() + unsynced.len(), 0);
        } else {
            content.on_disk.extend_from_slice(unsynced);
        }
        content.clean = content.written.len();
        if fails {
            return Err(io::Error::other("the disk cannot be written"));
        }
        self.disk.did(Step::Sync);
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.disk.step()?;
        self.length = length as usize;
        let content = &mut *self.file.borrow_mut();
        content.written.truncate(self.length);
        content.clean = content.clean.min(self.length);
        self.disk.did(Step::Cut);
        Ok(())
    }
}
