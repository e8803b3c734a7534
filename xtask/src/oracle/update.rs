//! Updates, and which of two wins: told once more and in other words than the node's, so that an error there is
//! not one here.

use std::cmp::Reverse;

use herd::message::{At, Skew, Time};

/// A report or a removal of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update<'a> {
    /// The line.
    pub line: &'a str,
    /// The client.
    pub client: &'a str,
    /// How often it was removed before the report, or with this removal.
    pub removals: u32,
    /// `None` for a removal.
    pub report: Option<Report<'a>>,
}

/// An AT line, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report<'a> {
    /// The AT line.
    pub at: &'a str,
    /// The node that received the report.
    pub server: &'a str,
    /// The report: client, location and time, as in the line.
    pub said: &'a str,
    skew: Skew,
    time: Time,
}

impl<'a> Update<'a> {
    /// Understands a line that nodes have for a client: `AT ...`, `REMOVED N ID` or `AFTER N AT ...`.
    pub fn parse(line: &'a str) -> Option<Update<'a>> {
        let (word, rest) = line.split_once(' ')?;
        if word == "AT" {
            let report = Report::parse(line)?;
            let (client, _) = report.said.split_once(' ')?;
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

    /// Whether this update or one that wins over it is `other`.
    pub fn is_superseded_by(&self, other: &Update<'_>) -> bool {
        // More removals win; then a report over a removal; then the later report.
        let (ours, theirs) =
            (self.report.map(|report| report.rank()), other.report.map(|report| report.rank()));
        (self.removals, ours) <= (other.removals, theirs)
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
        let (_, said) = rest.split_once(' ')?;
        Some(Report { at, server, said, skew: parsed.skew, time: parsed.iamat.stamp.time() })
    }
}
