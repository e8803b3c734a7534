//! Reading lines of a journal some at a time, so that the records of their clients can be loaded
//! together.

use std::io::{self, BufRead};

use smallvec::SmallVec;

use super::line::Parsed;
use crate::bug::{Bug, is_planted};
use crate::node::{Node, PRELOADED, Place};

/// Lines of a file, at most [`PRELOADED`] of them, with their line ends.
#[derive(Default)]
pub(super) struct Batch {
    text: Vec<u8>,
    /// The lengths of the lines.
    lengths: SmallVec<[usize; PRELOADED]>,
}

impl Batch {
    /// Replaces the lines by the next ones of the file. Returns `false` at its end.
    pub(super) fn fill(&mut self, file: &mut impl BufRead) -> io::Result<bool> {
        self.text.clear();
        self.lengths.clear();
        while self.lengths.len() < PRELOADED {
            match file.read_until(b'\n', &mut self.text)? {
                0 => break,
                length => self.lengths.push(length),
            }
        }
        Ok(!self.lengths.is_empty())
    }

    /// Parses the lines.
    pub(super) fn parse(&self) -> SmallVec<[ReadLine<'_>; PRELOADED]> {
        let mut rest = self.text.as_slice();
        let mut lines = SmallVec::new();
        lines.extend(self.lengths.iter().map(|length| {
            let (line, after) = rest.split_at(*length);
            rest = after;
            ReadLine::parse(line)
        }));
        lines
    }
}

/// A line of a journal, with its line end.
pub(super) struct ReadLine<'a> {
    pub(super) line: &'a [u8],
    /// The line's meaning, unless it is damaged.
    pub(super) parsed: Option<Parsed<'a>>,
    /// Where the record of the update's client probably is, if the line is an update.
    pub(super) place: Option<Place>,
}

impl<'a> ReadLine<'a> {
    fn parse(line: &'a [u8]) -> ReadLine<'a> {
        let torn = is_planted(Bug::TornLineApplied).then_some(line);
        let parsed = line.strip_suffix(b"\n").or(torn).and_then(Parsed::of);
        ReadLine { line, parsed, place: None }
    }

    /// Looks up where the record of the update's client probably is.
    pub(super) fn locate(&mut self, node: &Node) {
        let update = self.parsed.as_ref().and_then(|parsed| parsed.update);
        self.place = update.map(|update| node.locate(update.client));
    }
}
