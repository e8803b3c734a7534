//! Replay: reading a journal back into a node. A node that starts and `herd journal` use the same
//! function, so they report the same damage.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead};

use super::batch::{Batch, ReadLine};
use super::line::{FORMAT, Line, OLDEST, Parsed};
use super::tail::Size;
use crate::message::Update;
use crate::node::{Cursor, Node, Place};

/// The result of a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// The size of the journal without a torn end.
    pub size: Size,
    /// The first faults, at most 100, in the order of the file.
    pub damage: Vec<Damage>,
    /// How many lines are damaged, misplaced or missing.
    pub damaged_lines: u64,
    /// Whether lines other than the last ones are damaged.
    pub is_damaged: bool,
    /// The node in the header, if there is a header.
    pub node: Option<String>,
    /// The format in the header, if there is a header.
    pub format: Option<u64>,
    /// The last epoch.
    pub epoch: Option<u64>,
    /// The id of the machine's boot in which the journal was last written.
    pub boot: Option<String>,
    /// How far each neighbour has been heard.
    pub cursors: BTreeMap<String, Cursor>,
    /// Whether the node was stopped after the last line.
    pub closed: bool,
    /// The number of the last good line, which is the number of lines of an undamaged journal.
    pub(super) lines: u64,
}

/// A fault of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The number of the line where the fault shows, from 1.
    pub line: u64,
    /// The offset of that line in bytes.
    pub offset: u64,
    /// The fault.
    pub fault: Fault,
}

/// The kind of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The line does not match its checksum, or has an unknown form.
    Unreadable,
    /// This many lines are missing before it.
    Missing(u64),
    /// The line is repeated, or was swapped with another one.
    Misplaced,
    /// The first line is not the header of a journal.
    NoHeader,
    /// The file is empty. A journal always has a header.
    Empty,
}

/// The number of faults that are listed; further ones are only counted.
const LISTED: usize = 100;

/// Why a journal cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The journal belongs to another node.
    #[error("the journal belongs to {theirs}, not to {ours}: give each node its own data folder")]
    OtherNode {
        /// The node in the header.
        theirs: String,
        /// The node that replays the journal.
        ours: String,
    },
    /// The journal has a format that this program does not know.
    #[error(
        "the journal has format {0}, but this program reads formats {OLDEST} to {FORMAT}: use the version that wrote it"
    )]
    OtherFormat(u64),
    /// The file cannot be read.
    #[error("cannot read the journal")]
    Disk(#[from] io::Error),
}

impl Replayed {
    /// Returns whether the last lines, and no others, are damaged.
    pub fn is_torn(&self) -> bool {
        !self.damage.is_empty() && !self.is_damaged
    }

    /// Returns whether a new file must be written: there was none, lines before its end are
    /// damaged, or its format is an older one.
    pub(super) fn is_unfit_to_go_on(&self) -> bool {
        self.is_damaged || self.format != Some(FORMAT)
    }
}

/// Replays a journal into a node without records. With `owner`, the journal must be that node's.
///
/// # Examples
/// ```
/// use herd::journal::{FORMAT, Line, replay};
/// use herd::node::{Limits, Lives, Node};
///
/// let lives = Lives { epoch: 1, incarnation: 2, hash_seed: 3 };
/// let mut node = Node::new("Alford", &[], Limits::default(), lives);
/// let mut file = Vec::new();
/// Line::Journal { format: FORMAT, node: "Alford" }.write(1, &mut file);
/// let at = b"AT Alford +0.500000000 kiwi +34.068930-118.445127 1000000000.5";
/// Line::Update { sequence: 1, at }.write(2, &mut file);
/// let replayed = replay(file.as_slice(), &mut node, Some("Alford")).unwrap();
/// assert!(replayed.damage.is_empty());
/// assert_eq!(node.table().len(), 1);
/// ```
///
/// # Errors
/// Fails as [`ReplayError`] lists. The node may have applied a part of the journal then.
pub fn replay(mut file: impl BufRead, node: &mut Node, owner: Option<&str>) -> Result<Replayed, ReplayError> {
    let mut reader =
        JournalReader { node, owner, replayed: Replayed::default(), unreadable: 0, misplaced: Vec::new() };
    let mut batch = Batch::default();
    let mut at = Damage { line: 0, offset: 0, fault: Fault::Empty };
    while batch.fill(&mut file)? {
        let mut lines = batch.parse();
        lines.iter_mut().for_each(|line| line.locate(reader.node));
        reader.node.preload(lines.iter().filter_map(|line| line.place.as_ref()));
        for line in &lines {
            at.line += 1;
            reader.read_line(line, at)?;
            at.offset += line.line.len() as u64;
        }
    }
    if at.line == 0 {
        reader.note_fault(at, Fault::Empty);
    }
    Ok(reader.finish())
}

struct JournalReader<'a> {
    node: &'a mut Node,
    owner: Option<&'a str>,
    replayed: Replayed,
    /// The number of unreadable lines since the last good one.
    unreadable: u64,
    /// The lines of updates that are out of place.
    misplaced: Vec<Vec<u8>>,
}

impl JournalReader<'_> {
    /// Processes the next line.
    fn read_line(&mut self, read: &ReadLine<'_>, at: Damage) -> Result<(), ReplayError> {
        let ReadLine { line, place, .. } = *read;
        let Some(parsed) = &read.parsed else {
            self.unreadable += 1;
            self.note_fault(at, Fault::Unreadable);
            return Ok(());
        };
        if let Line::Journal { format, node } = parsed.line {
            self.check_header(format, node)?;
        }
        let is_in_place = self.is_in_place(parsed.number, &parsed.line, at);
        // A good line follows a bad one, so the middle of the file is damaged.
        self.replayed.is_damaged |= self.unreadable > 0;
        self.unreadable = 0;
        if self.apply_line(parsed, place, is_in_place) {
            self.replayed.size.bytes = at.offset + line.len() as u64;
            if parsed.update.is_some() {
                self.replayed.size.note_update(line.len());
            }
        } else {
            self.note_fault(at, Fault::Misplaced);
        }
        Ok(())
    }

    /// Applies the updates that were out of place, and returns the result. They are valid updates,
    /// but come last, because sequences only grow.
    fn finish(self) -> Replayed {
        for line in &self.misplaced {
            if let Some(update) = Update::parse(line) {
                self.node.restore_out_of_order(&update);
            }
        }
        self.replayed
    }

    fn check_header(&self, format: u64, node: &str) -> Result<(), ReplayError> {
        if !(OLDEST..=FORMAT).contains(&format) {
            return Err(ReplayError::OtherFormat(format));
        }
        if let Some(ours) = self.owner
            && ours != node
        {
            return Err(ReplayError::OtherNode { theirs: node.to_owned(), ours: ours.to_owned() });
        }
        Ok(())
    }

    /// Returns whether a line is in the place where it was written. Notes the lines that are
    /// missing before it.
    fn is_in_place(&mut self, number: Option<u64>, line: &Line<'_>, at: Damage) -> bool {
        let is_header = matches!(line, Line::Journal { .. });
        if is_header && at.line > 1 {
            return false;
        }
        if !is_header && at.line == 1 {
            self.note_fault(at, Fault::NoHeader);
        }
        let Some(number) = number else { return self.replayed.format != Some(FORMAT) };
        let Some(missing) = number.checked_sub(self.replayed.lines.saturating_add(1)) else { return false };
        self.replayed.lines = number;
        if missing > self.unreadable && at.line > 1 {
            self.note_fault(at, Fault::Missing(missing - self.unreadable));
        }
        true
    }

    /// Applies a line. Returns whether it is valid in this place.
    fn apply_line(&mut self, parsed: &Parsed<'_>, place: Option<Place>, is_in_place: bool) -> bool {
        self.replayed.closed = is_in_place && parsed.line == Line::Closed;
        match &parsed.line {
            Line::Update { sequence, at } => {
                let is_restored = is_in_place
                    && place
                        .zip(parsed.update)
                        .is_some_and(|(place, update)| self.node.restore(place, &update, *sequence));
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

    fn note_fault(&mut self, at: Damage, fault: Fault) {
        let replayed = &mut self.replayed;
        // Only a torn end is no worse than what a killed process leaves.
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
