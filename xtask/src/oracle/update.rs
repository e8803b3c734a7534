//! Updates, and the rule that decides which of two wins. It is written independently of the node's
//! code, so that a mistake there is not repeated here.

use std::cmp::Reverse;

use herd::message::{At, Skew, Time};

/// A report or a removal of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update<'a> {
    /// The line.
    pub line: &'a str,
    /// The client.
    pub client: &'a str,
    /// The number of removals of the client, including this one.
    pub removals: u32,
    /// The report; `None` for a removal.
    pub report: Option<Report<'a>>,
}

/// The parts of an AT line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report<'a> {
    /// The AT line.
    pub at: &'a str,
    /// The node that received the report.
    pub server: &'a str,
    /// The client, location and time, as they are in the line.
    pub fields: &'a str,
    /// The window in which the server received the report.
    pub(super) window: u64,
    skew: Skew,
    time: Time,
}

impl<'a> Update<'a> {
    /// Parses a node's line about a client: `AT ...`, `REMOVED N ID` or `AFTER N AT ...`. Returns
    /// `None` for other lines.
    pub fn parse(line: &'a str) -> Option<Update<'a>> {
        let (word, rest) = line.split_once(' ')?;
        if word == "AT" {
            let report = Report::parse(line)?;
            let (client, _) = report.fields.split_once(' ')?;
            return Some(Update { line, client, removals: 0, report: Some(report) });
        }
        let (number, rest) = rest.split_once(' ')?;
        let removals = number.parse().ok()?;
        match word {
            "REMOVED" => Some(Update { line, client: rest, removals, report: None }),
            "AFTER" => Some(Update { line, removals, ..Update::parse(rest)? }),
            _ => None,
        }
    }

    /// Returns whether `other` is this update or one that wins over it.
    pub fn is_superseded_by(&self, other: &Update<'_>) -> bool {
        // More removals win; then a report over a removal; then the later report.
        let own_rank = self.report.map(|report| report.rank());
        let other_rank = other.report.map(|report| report.rank());
        (self.removals, own_rank) <= (other.removals, other_rank)
    }
}

impl<'a> Report<'a> {
    /// The later time wins; of equal times the smaller skew, then the smaller AT line.
    fn rank(&self) -> (Time, Reverse<Skew>, Reverse<&'a str>) {
        (self.time, Reverse(self.skew), Reverse(self.at))
    }

    fn parse(at: &'a str) -> Option<Report<'a>> {
        let parsed = At::parse(at.as_bytes())?;
        let (_, rest) = at.split_once(' ')?;
        let (server, rest) = rest.split_once(' ')?;
        let (_, fields) = rest.split_once(' ')?;
        let time = parsed.iamat.stamp.time();
        Some(Report { at, server, fields, window: parsed.window(), skew: parsed.skew, time })
    }
}
