//! Reading a journal back. A node that starts and `herd journal` read it with the same function, so they agree on what is
//! wrong with it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead};

use super::line::{FORMAT, Line, OLDEST};
use super::tail::Size;
use crate::bug::{Bug, is_planted};
use crate::message::Update;
use crate::node::{Cursor, Node};

/// What a journal was found to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Its size, without what is torn off its end.
    pub size: Size,
    /// The first faults, at most 100, in the order of the file.
    pub damage: Vec<Damage>,
    /// How many lines are damaged, misplaced or missing.
    pub damaged_lines: u64,
    /// Whether something other than the last lines is damaged.
    pub is_damaged: bool,
    /// The node that it belongs to, if it has a header.
    pub node: Option<String>,
    /// Its format, if it has a header.
    pub format: Option<u64>,
    /// The last epoch.
    pub epoch: Option<u64>,
    /// The life of the machine in which it was written last.
    pub boot: Option<String>,
    /// How far each neighbour was heard.
    pub cursors: BTreeMap<String, Cursor>,
    /// Whether the node was stopped after the last line.
    pub closed: bool,
    /// How many lines a whole file would have: the number of the last good line.
    pub(super) lines: u64,
}

/// Something wrong with a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The line at which it shows, from 1.
    pub line: u64,
    /// The offset of that line in bytes.
    pub offset: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// What can be wrong at a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The line does not match its checksum, or makes no sense.
    Unreadable,
    /// This many lines are missing before it.
    Missing(u64),
    /// The line belongs elsewhere: it is a repetition, or lines have been swapped.
    Misplaced,
    /// The first line is not the header of a journal.
    NoHeader,
    /// The file has no lines at all, and a journal always has some.
    Empty,
}

/// More faults than this are only counted.
const LISTED: usize = 100;

/// Why a journal is not read.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It belongs to another node.
    #[error("the journal is that of {theirs}, not of {ours}: give each node a data folder of its own")]
    OtherNode {
        /// The node that it belongs to.
        theirs: String,
        /// The node that read it.
        ours: String,
    },
    /// It has another format.
    #[error(
        "the journal is of format {0}, this program reads formats {OLDEST} to {FORMAT}: use the version that wrote it"
    )]
    OtherFormat(u64),
    /// The system cannot read it.
    #[error("cannot read the journal")]
    Disk(#[from] io::Error),
}

impl Replayed {
    /// Whether its last lines, and no others, are damaged.
    pub fn is_torn(&self) -> bool {
        !self.damage.is_empty() && !self.is_damaged
    }

    /// Whether a new file is to be written: there was none, it is damaged before its end, or it has an older format.
    pub(super) fn is_unfit_to_go_on(&self) -> bool {
        self.is_damaged || self.format != Some(FORMAT)
    }
}

/// Reads a journal back into a node that knows nothing yet. With `owner` it must be the journal of that node.
///
/// # Errors
/// The journal belongs to another node, has another format, or cannot be read.
pub fn replay(mut file: impl BufRead, node: &mut Node, owner: Option<&str>) -> Result<Replayed, ReplayError> {
    let mut reader =
        JournalReader { node, owner, replayed: Replayed::default(), unreadable: 0, misplaced: Vec::new() };
    let mut line = Vec::new();
    let mut at = Damage { line: 0, offset: 0, fault: Fault::Empty };
    loop {
        line.clear();
        let length = file.read_until(b'\n', &mut line)?;
        if length == 0 {
            break;
        }
        at.line += 1;
        reader.take(&line, at)?;
        at.offset += length as u64;
    }
    if at.line == 0 {
        reader.note(at, Fault::Empty);
    }
    Ok(reader.finish())
}

struct JournalReader<'a> {
    node: &'a mut Node,
    owner: Option<&'a str>,
    replayed: Replayed,
    /// Unreadable lines since the last good one.
    unreadable: u64,
    /// AT lines of updates out of place.
    misplaced: Vec<Vec<u8>>,
}

impl JournalReader<'_> {
    /// Takes the next line, with its line end.
    fn take(&mut self, line: &[u8], at: Damage) -> Result<(), ReplayError> {
        let torn = is_planted(Bug::TornLineApplied).then_some(line);
        let Some((number, parsed)) = line.strip_suffix(b"\n").or(torn).and_then(Line::parse) else {
            self.unreadable += 1;
            self.note(at, Fault::Unreadable);
            return Ok(());
        };
        if let Line::Journal { format, node } = parsed {
            self.check_header(format, node)?;
        }
        let is_in_place = self.place(number, &parsed, at);
        // A good line after a bad one: the middle of the file is damaged.
        self.replayed.is_damaged |= self.unreadable > 0;
        self.unreadable = 0;
        if self.apply(&parsed, is_in_place) {
            self.replayed.size.bytes = at.offset + line.len() as u64;
            if let Line::Update { .. } = parsed {
                self.replayed.size.note_update(line.len());
            }
        } else {
            self.note(at, Fault::Misplaced);
        }
        Ok(())
    }

    /// Updates out of place are true all the same. They come last, since sequences only grow.
    fn finish(self) -> Replayed {
        for line in &self.misplaced {
            if let Some(update) = Update::parse(line) {
                self.node.restore_out_of_order(&update);
            }
        }
        self.replayed
    }

    fn check_header(&self, format: u64, node: &str) -> Result<(), ReplayError> {
        match self.owner {
            _ if !(OLDEST..=FORMAT).contains(&format) => Err(ReplayError::OtherFormat(format)),
            Some(ours) if ours != node => {
                Err(ReplayError::OtherNode { theirs: node.to_owned(), ours: ours.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// Whether a line stands where it was written. Notes what is missing before it.
    fn place(&mut self, number: Option<u64>, line: &Line<'_>, at: Damage) -> bool {
        let is_header = matches!(line, Line::Journal { .. });
        if is_header && at.line > 1 {
            return false;
        }
        if !is_header && at.line == 1 {
            self.note(at, Fault::NoHeader);
        }
        let Some(number) = number else { return self.replayed.format != Some(FORMAT) };
        let Some(missing) = number.checked_sub(self.replayed.lines.saturating_add(1)) else { return false };
        self.replayed.lines = number;
        if missing > self.unreadable && at.line > 1 {
            self.note(at, Fault::Missing(missing - self.unreadable));
        }
        true
    }

    /// Takes in what a line says. Returns whether that was right in this place.
    fn apply(&mut self, line: &Line<'_>, is_in_place: bool) -> bool {
        self.replayed.closed = is_in_place && *line == Line::Closed;
        match line {
            Line::Update { sequence, at } => {
                let is_restored = is_in_place
                    && Update::parse(at).is_some_and(|update| self.node.restore(&update, *sequence));
                if !is_restored {
                    self.misplaced.push(at.to_vec());
                }
                is_restored
            }
            _ if !is_in_place => false,
            Line::Journal { format, node } => {
                self.replayed.format = Some(*format);
                self.replayed.node = Some((*node).to_owned());
                true
            }
            Line::Epoch(epoch) => {
                self.replayed.epoch = Some(*epoch);
                true
            }
            Line::Boot(boot) => {
                self.replayed.boot = Some((*boot).to_owned());
                true
            }
            Line::Cursor { neighbour, cursor } => {
                self.node.restore_cursor(neighbour, *cursor);
                self.replayed.cursors.insert((*neighbour).to_owned(), *cursor);
                true
            }
            Line::Closed => true,
        }
    }

    fn note(&mut self, at: Damage, fault: Fault) {
        let replayed = &mut self.replayed;
        // Only a torn end is no worse than a process that was killed.
        replayed.is_damaged |= fault != Fault::Unreadable || at.line == 1;
        let lines = if let Fault::Missing(lines) = fault { lines } else { 1 };
        replayed.damaged_lines = replayed.damaged_lines.saturating_add(lines);
        if replayed.damage.len() < LISTED {
            replayed.damage.push(Damage { fault, ..at });
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage { line, offset, fault } = *self;
        match fault {
            Fault::Unreadable => write!(f, "line {line} is damaged, at byte {offset}"),
            Fault::Missing(1) => write!(f, "1 line is missing between lines {} and {line}", line - 1),
            Fault::Missing(lines) => {
                write!(f, "{lines} lines are missing between lines {} and {line}", line - 1)
            }
            Fault::Misplaced => write!(f, "line {line} is out of place: repeated, or swapped with another"),
            Fault::NoHeader => write!(f, "line {line} is not the header: lines are missing before it"),
            Fault::Empty => write!(f, "the journal is empty: everything in it is lost"),
        }
    }
}
