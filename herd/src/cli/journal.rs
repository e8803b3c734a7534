//! `herd journal`: looks at a journal, and changes nothing.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Subcommand;

use herd::journal::{Replayed, replay};
use herd::node::{Cursor, Limits, Lives, Node};

use super::resources::random;

/// What to do with a journal.
#[derive(Debug, Subcommand)]
pub(super) enum Tool {
    /// Says whether every line is as it was written; fails if not.
    Verify {
        /// The journal, or the data folder that it is in.
        file: PathBuf,
    },
    /// Says what is in it, as one line of JSON.
    Stat {
        /// The journal, or the data folder that it is in.
        file: PathBuf,
    },
    /// Prints what a node would know that starts with it: the latest update of each client, by sequence.
    ///
    /// A line is an AT line; `REMOVED N ID` for a client that was removed, for the Nth time; or `AFTER N AT ...` for one that has
    /// reported since.
    Dump {
        /// The journal, or the data folder that it is in.
        file: PathBuf,
    },
}

impl Tool {
    /// # Errors
    /// The file cannot be read, is of another format, or, for `verify`, is damaged.
    pub(super) fn run(&self) -> Result<()> {
        match self {
            Tool::Verify { file } => verify(&journal_of(file)),
            Tool::Stat { file } => stat(&journal_of(file)),
            Tool::Dump { file } => dump(&journal_of(file)),
        }
    }
}

/// A data folder stands for the journal in it.
fn journal_of(file: &Path) -> PathBuf {
    if file.is_dir() { file.join("journal") } else { file.to_owned() }
}

fn verify(file: &Path) -> Result<()> {
    let (_, replayed) = look_at(file)?;
    let name = file.display();
    let lines = replayed.damaged_lines;
    for damage in &replayed.damage {
        print(&format!("{name}: {damage}\n"))?;
    }
    if replayed.is_damaged {
        bail!(
            "{name}: damaged, {lines} lines: a node would keep what can be read, and ask its neighbours for everything"
        );
    }
    if replayed.is_torn() {
        bail!("{name}: its last lines are torn, {lines} of them: a node would cut them off");
    }
    let how = if replayed.closed { "closed properly" } else { "not closed: in use, or its node was killed" };
    print(&format!("{name}: {} updates, {} bytes, {how}: fine\n", replayed.size.updates, replayed.size.bytes))
}

fn stat(file: &Path) -> Result<()> {
    let (known, replayed) = look_at(file)?;
    let cursor = |cursor: &Cursor| format!("{:016x} {}", cursor.epoch, cursor.sequence);
    let cursors: BTreeMap<&String, String> =
        replayed.cursors.iter().map(|(neighbour, of)| (neighbour, cursor(of))).collect();
    let stat = serde_json::json!({
        "node": replayed.node,
        "format": replayed.format,
        "epoch": replayed.epoch.map(|epoch| format!("{epoch:016x}")),
        "clients": known.table().len(),
        "updates": replayed.size.updates,
        "bytes": replayed.size.bytes,
        "last_sequence": known.table().head(),
        "cursors": cursors,
        "damaged_lines": replayed.damaged_lines,
        "closed": replayed.closed,
    });
    print(&format!("{stat}\n"))
}

fn dump(file: &Path) -> Result<()> {
    let (known, _) = look_at(file)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut lines = known.table().changes_after(0).map(|(_, record)| record.line().escape_ascii());
    let written = lines.try_for_each(|line| writeln!(out, "{line}")).and_then(|()| out.flush());
    ignore_closed_pipe(written)
}

/// What a node would know that starts with a journal, and what it would find wrong with it.
fn look_at(file: &Path) -> Result<(Node, Replayed)> {
    let reader = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    let lives = Lives { epoch: 1, incarnation: 1, hash_seed: random()? };
    let mut known = Node::new("", &[], Limits::default(), lives);
    let replayed = replay(BufReader::new(reader), &mut known, None);
    Ok((known, replayed.with_context(|| format!("cannot read {}", file.display()))?))
}

fn print(text: &str) -> Result<()> {
    ignore_closed_pipe(io::stdout().write_all(text.as_bytes()))
}

/// Whoever has read enough, such as `head`, need not read on.
fn ignore_closed_pipe(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
