//! Reading a journal back.

use std::io::{self, BufRead};

use super::Size;
use super::line::{FORMAT, Line};
use crate::bug::{Bug, is_planted};
use crate::message::Update;
use crate::node::Node;

/// What a journal was found to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Its size, without what is torn off its end.
    pub size: Size,
    /// The first lines that hold nothing, at most 100, in the order of the file.
    pub damage: Vec<Damage>,
    /// How many lines hold nothing.
    pub damaged_lines: u64,
    /// Whether there are good lines after the last damage: if so it is the file's middle that is damaged.
    pub good_after_damage: bool,
    /// The last epoch.
    pub epoch: Option<u64>,
    /// In which life of the machine it was written last.
    pub boot: Option<String>,
    /// Whether the node was stopped after that.
    pub closed: bool,
    /// Whether it said first what it is.
    pub has_header: bool,
}

/// A line that holds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The line's number, from 1.
    pub line: u64,
    /// Where it begins, in bytes.
    pub offset: u64,
}

/// More damage than this is only counted.
const LISTED: usize = 100;

/// Why a journal is not read.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It is somebody else's.
    #[error("the journal is that of {theirs}, not of {ours}: give each node a data folder of its own")]
    OtherNode {
        /// Whose it is.
        theirs: String,
        /// Who wanted to read it.
        ours: String,
    },
    /// It is of another format.
    #[error(
        "the journal is of format {0}, this program reads format {FORMAT}: use the version that wrote it"
    )]
    OtherFormat(u64),
    /// The system cannot read it.
    #[error("cannot read the journal")]
    Disk(#[from] io::Error),
}

impl Replayed {
    /// Whether lines before its end are damaged.
    pub fn is_damaged(&self) -> bool {
        self.good_after_damage || !self.has_header && !self.damage.is_empty()
    }

    /// Whether its last lines, and no others, are damaged.
    pub fn is_torn(&self) -> bool {
        !self.damage.is_empty() && !self.is_damaged()
    }

    /// Whether a new file is to be written: there was none, or it is damaged before its end.
    pub(super) fn is_unfit_to_go_on(&self) -> bool {
        self.is_damaged() || !self.has_header
    }
}

/// Reads a journal back into a node that knows nothing yet.
pub(super) fn replay(file: impl BufRead, node: &mut Node) -> Result<Replayed, ReplayError> {
    let name = node.name().to_owned();
    read(file, |line| match line {
        Line::Journal { node: theirs, .. } if theirs != name => {
            Err(ReplayError::OtherNode { theirs: theirs.to_owned(), ours: name.clone() })
        }
        Line::Update { sequence, at } => {
            // One out of order is as good as damage.
            Ok(Update::parse(at).is_some_and(|update| node.restore(&update, sequence)))
        }
        Line::Cursor { neighbour, cursor } => {
            node.restore_cursor(neighbour, cursor);
            Ok(true)
        }
        _ => Ok(true),
    })
}

/// Reads a journal, and calls `take` for each good line, in the order of the file. `take` says whether the line is good
/// after all.
///
/// # Errors
/// The journal is of another format, the system cannot read it, or `take` says no.
pub fn read(
    mut file: impl BufRead,
    mut take: impl FnMut(Line<'_>) -> Result<bool, ReplayError>,
) -> Result<Replayed, ReplayError> {
    let mut replayed = Replayed::default();
    let (mut line, mut number, mut offset) = (Vec::new(), 0, 0);
    loop {
        line.clear();
        let length = file.read_until(b'\n', &mut line)?;
        if length == 0 {
            break;
        }
        number += 1;
        let torn = is_planted(Bug::TornLineApplied).then_some(line.as_slice());
        let whole = line.strip_suffix(b"\n").or(torn);
        match whole.and_then(Line::parse) {
            Some(Line::Journal { format, .. }) if format != FORMAT => {
                return Err(ReplayError::OtherFormat(format));
            }
            Some(good) if take(good)? => replayed.note(good, number, offset + length as u64, length),
            _ => replayed.note_damage(Damage { line: number, offset }),
        }
        offset += length as u64;
    }
    Ok(replayed)
}

impl Replayed {
    fn note_damage(&mut self, damage: Damage) {
        self.damaged_lines += 1;
        if self.damage.len() < LISTED {
            self.damage.push(damage);
        }
    }

    /// Notes a good line that ends at `end`.
    fn note(&mut self, line: Line<'_>, number: u64, end: u64, length: usize) {
        self.size.bytes = end;
        self.good_after_damage |= !self.damage.is_empty();
        self.closed = line == Line::Closed;
        match line {
            Line::Journal { .. } => self.has_header |= number == 1,
            Line::Epoch(epoch) => self.epoch = Some(epoch),
            Line::Boot(boot) => self.boot = Some(boot.to_owned()),
            Line::Update { .. } => self.size.note_update(length),
            Line::Cursor { .. } | Line::Closed => {}
        }
    }
}
