//! Updates, and which of two wins: told once more and in other words than the node's, so that an error there is
//! not one here.

use std::cmp::{Ordering, Reverse};

use herd::message::{At, Skew, Time};

/// An AT line, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update<'a> {
    /// The line.
    pub line: &'a str,
    /// The node that received the report.
    pub server: &'a str,
    /// The client.
    pub client: &'a str,
    /// The report: client, location and time, as in the line.
    pub report: &'a str,
    skew: Skew,
    time: Time,
}

impl<'a> Update<'a> {
    /// Understands an AT line; `None` if it is none.
    pub fn parse(line: &'a str) -> Option<Update<'a>> {
        let at = At::parse(line.as_bytes())?;
        let (_, rest) = line.split_once(' ')?;
        let (server, rest) = rest.split_once(' ')?;
        let (_, report) = rest.split_once(' ')?;
        let (client, _) = report.split_once(' ')?;
        Some(Update { line, server, client, report, skew: at.skew, time: at.iamat.stamp.time() })
    }

    /// The later time wins; of equal times the smaller skew, then the smaller line.
    fn rank(&self) -> (Time, Reverse<Skew>, Reverse<&'a str>) {
        (self.time, Reverse(self.skew), Reverse(self.line))
    }

    /// Whether this update or one that wins over it is `other`.
    pub fn is_superseded_by(&self, other: &Update<'_>) -> bool {
        self.rank().cmp(&other.rank()) != Ordering::Greater
    }
}
