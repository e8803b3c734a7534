//! `herd journal`: looks at a journal, and changes nothing.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use herd::journal::{Line, Replayed, read};
use herd::message::Update;

/// What to do with a journal.
#[derive(Debug, Subcommand)]
pub(crate) enum Tool {
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
    pub(crate) fn run(&self) -> Result<()> {
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
    let (name, lines) = (file.display(), replayed.damaged_lines);
    for damage in &replayed.damage {
        print(&format!("{name}:{}: damaged, at byte {}\n", damage.line, damage.offset))?;
    }
    if replayed.is_damaged() || !replayed.has_header {
        bail!("{name}: {lines} damaged lines: a node would skip them, and ask its neighbours for everything");
    }
    if replayed.is_torn() {
        bail!("{name}: its last lines are torn, {lines} of them: a node would cut them off");
    }
    let how = if replayed.closed { "closed properly" } else { "not closed: in use, or its node was killed" };
    print(&format!("{name}: {} updates, {} bytes, {how}: fine\n", replayed.size.updates, replayed.size.bytes))
}

fn stat(file: &Path) -> Result<()> {
    let (known, replayed) = look_at(file)?;
    let stat = serde_json::json!({
        "node": known.node,
        "epoch": replayed.epoch.map(|epoch| format!("{epoch:016x}")),
        "clients": known.lines.values().filter(|(_, line)| !line.starts_with(b"REMOVED ")).count(),
        "updates": replayed.size.updates,
        "bytes": replayed.size.bytes,
        "last_sequence": known.last,
        "cursors": known.cursors,
        "damaged_lines": replayed.damaged_lines,
        "closed": replayed.closed,
    });
    print(&format!("{stat}\n"))
}

fn dump(file: &Path) -> Result<()> {
    let (known, _) = look_at(file)?;
    let mut lines: Vec<&(u64, Vec<u8>)> = known.lines.values().collect();
    lines.sort();
    let mut out = BufWriter::new(io::stdout().lock());
    let written =
        lines.iter().try_for_each(|(_, line)| writeln!(out, "{}", line.escape_ascii())).and(out.flush());
    ignore_closed_pipe(written)
}

/// What the lines of a journal say.
#[derive(Debug, Default)]
struct Known {
    node: String,
    /// By client: the latest sequence and update.
    lines: BTreeMap<Vec<u8>, (u64, Vec<u8>)>,
    cursors: BTreeMap<String, String>,
    last: u64,
}

fn look_at(file: &Path) -> Result<(Known, Replayed)> {
    let reader = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    let mut known = Known::default();
    let replayed = read(BufReader::new(reader), |line| {
        match line {
            Line::Journal { node, .. } => node.clone_into(&mut known.node),
            Line::Update { sequence, at } => {
                if let Some(update) = Update::parse(at) {
                    known.lines.insert(update.client.as_bytes().to_vec(), (sequence, at.to_vec()));
                }
                known.last = sequence;
            }
            Line::Cursor { neighbour, cursor } => {
                known
                    .cursors
                    .insert(neighbour.to_owned(), format!("{:016x} {}", cursor.epoch, cursor.sequence));
            }
            Line::Epoch(_) | Line::Boot(_) | Line::Closed => {}
        }
        Ok(true)
    });
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
