//! `herd backup` and `herd restore`: copies of a node's records.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use herd::journal::{Copied, Disk, Folder, Log, copy};

use super::journal::journal_of;
use super::print::print_result;

/// Copies the records of a data folder to a new file, also while its node runs.
///
/// # Errors
/// The file exists, the journal is damaged, or a file cannot be read or written. There is no copy
/// then.
pub(super) fn backup(folder: &Path, to: &Path) -> Result<()> {
    let from = journal_of(folder);
    // Only the owner may read it, since journals contain locations.
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let file = match created {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{} exists: choose another name, or remove it first", to.display())
        }
        created => created.with_context(|| format!("cannot create {}", to.display()))?,
    };
    let copied = copy_journal(&from, &file).and_then(|copied| {
        file.sync_all().with_context(|| format!("cannot write {}", to.display()))?;
        Ok(copied)
    });
    let Copied { node, updates, bytes } = copied.inspect_err(|_| drop(fs::remove_file(to)))?;
    print_result(&format!("{}: {updates} updates of {node}, {bytes} bytes\n", to.display()))
}

/// Puts copied records into a data folder that has none.
///
/// # Errors
/// The folder is in use or has records, the copy is damaged, or a file cannot be read or written.
/// The folder has no records then.
pub(super) fn restore(from: &Path, folder: &Path) -> Result<()> {
    let from = journal_of(from);
    // Nothing is created for a file that cannot be restored.
    copy_journal(&from, io::sink())?;
    let name = folder.display();
    let mut disk = Folder::open(folder).with_context(|| format!("cannot use the data folder {name}"))?;
    ensure!(
        disk.read()?.is_none(),
        "{name} has a journal: move it away first, so that it is not lost by mistake"
    );
    let failed = || format!("cannot write to {name}");
    let mut draft = disk.draft().with_context(failed)?;
    let copied = copy_journal(&from, Appender(&mut draft))?;
    draft.sync().and_then(|()| disk.install()).and_then(|()| disk.sync_names()).with_context(failed)?;
    let Copied { node, updates, .. } = copied;
    print_result(&format!("{name}: {updates} updates of {node}\n"))
}

/// Copies what a journal contains now.
fn copy_journal(from: &Path, to: impl Write) -> Result<Copied> {
    let file = File::open(from).with_context(|| format!("cannot open {}", from.display()))?;
    // Without a bound, a busy node could append as fast as its journal is read.
    let length = file.metadata().with_context(|| format!("cannot read {}", from.display()))?.len();
    copy(BufReader::new(file.take(length)), BufWriter::new(to))
        .with_context(|| format!("cannot copy {}", from.display()))
}

/// A log that is written like a file.
struct Appender<'a, L>(&'a mut L);

impl<L: Log> Write for Appender<'_, L> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
