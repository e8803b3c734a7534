//! What clients and neighbours have said.

use std::fmt;

use serde::Serialize;

/// Updates passed on and heard since the node started, on all links together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LinkCounters {
    /// AT lines written to neighbours.
    pub said: u64,
    /// AT lines from neighbours that were news.
    pub fresh: u64,
    /// AT lines from neighbours that were not.
    pub stale: u64,
    /// AT lines from neighbours whose fields this node does not accept.
    pub unacceptable: u64,
}

impl fmt::Display for LinkCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LinkCounters { said, fresh, stale, unacceptable } = self;
        write!(
            f,
            "{said} said, {fresh} heard that were news, {stale} that were not, {unacceptable} unacceptable"
        )
    }
}

/// Lines of clients since the node started, by what came of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClientCounters {
    /// IAMATs that were the latest of their clients.
    pub reports_fresh: u64,
    /// IAMATs that were not.
    pub reports_stale: u64,
    /// WHATSATs about a client that is known.
    pub questions: u64,
    /// Invalid commands.
    pub invalid: u64,
}
