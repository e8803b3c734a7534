//! `herd journal`: inspects a journal without changing it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Subcommand;

use herd::journal::{Replayed, replay};
use herd::node::{Cursor, Limits, Lives, Node};

use super::print::{ignore_closed_pipe, print_result};
use super::resources::random;

/// The subcommands of `herd journal`.
#[derive(Debug, Subcommand)]
pub(super) enum Tool {
    /// Verify the checksum and order of every line; exit 1 if the journal is damaged or torn
    Verify {
        /// The journal, or the data folder that contains it
        file: PathBuf,
    },
    /// Print a summary of the journal as one line of JSON
    Stat {
        /// The journal, or the data folder that contains it
        file: PathBuf,
    },
    /// Print the latest update of each client, in the order of sequences
    ///
    /// A line is an AT line; `REMOVED N ID` for a client that was removed for the Nth time; or
    /// `AFTER N AT ...` for a client that has reported since its Nth removal.
    Dump {
        /// The journal, or the data folder that contains it
        file: PathBuf,
    },
}

impl Tool {
    /// Runs the subcommand and prints its result.
    ///
    /// # Errors
    /// The file cannot be read, has another format, or, for `verify`, is damaged or torn.
    pub(super) fn run(&self) -> Result<()> {
        match self {
            Tool::Verify { file } => verify(&journal_of(file)),
            Tool::Stat { file } => stat(&journal_of(file)),
            Tool::Dump { file } => dump(&journal_of(file)),
        }
    }
}

/// The journal in `file` if that is a data folder, or else `file` itself.
pub(super) fn journal_of(file: &Path) -> PathBuf {
    if file.is_dir() { file.join("journal") } else { file.to_owned() }
}

fn verify(file: &Path) -> Result<()> {
    let (_, replayed) = replay_file(file)?;
    let name = file.display();
    let lines = replayed.damaged_lines;
    for damage in &replayed.damage {
        print_result(&format!("{name}: {damage}\n"))?;
    }
    if replayed.is_damaged {
        bail!(
            "{name}: the journal is damaged (lines that cannot be read: {lines}). A node that starts with it keeps the other lines, and fetches all records from its neighbours"
        );
    }
    if replayed.is_torn() {
        bail!(
            "{name}: the journal is torn (incomplete lines at its end: {lines}). A node that starts with it cuts them off"
        );
    }
    let end = if replayed.closed { "closed cleanly" } else { "not closed: in use, or its node crashed" };
    print_result(&format!(
        "{name}: {} updates, {} bytes, {end}: valid\n",
        replayed.size.updates, replayed.size.bytes
    ))
}

fn stat(file: &Path) -> Result<()> {
    let (node, replayed) = replay_file(file)?;
    let cursor = |cursor: &Cursor| format!("{:016x} {}", cursor.epoch, cursor.sequence);
    let cursors: BTreeMap<&String, String> =
        replayed.cursors.iter().map(|(neighbour, of)| (neighbour, cursor(of))).collect();
    let stat = serde_json::json!({
        "node": replayed.node,
        "format": replayed.format,
        "epoch": replayed.epoch.map(|epoch| format!("{epoch:016x}")),
        "clients": node.table().len(),
        "updates": replayed.size.updates,
        "bytes": replayed.size.bytes,
        "last_sequence": node.table().head(),
        "cursors": cursors,
        "damaged_lines": replayed.damaged_lines,
        "closed": replayed.closed,
    });
    print_result(&format!("{stat}\n"))
}

fn dump(file: &Path) -> Result<()> {
    let (node, _) = replay_file(file)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut lines = node.table().changes_after(0).map(|(_, record)| record.line());
    let written =
        lines.try_for_each(|line| writeln!(out, "{}", line.escape_ascii())).and_then(|()| out.flush());
    Ok(ignore_closed_pipe(written)?)
}

/// Replays a journal into an empty node. Returns the node, and what was found in the journal.
fn replay_file(file: &Path) -> Result<(Node, Replayed)> {
    let reader = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    let lives = Lives { epoch: 1, incarnation: 1, hash_seed: random()? };
    let mut node = Node::new("", &[], Limits::default(), lives);
    let replayed = replay(BufReader::new(reader), &mut node, None);
    Ok((node, replayed.with_context(|| format!("cannot read {}", file.display()))?))
}
