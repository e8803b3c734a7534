//! Updates as events.

use serde::Serialize;

use super::milliseconds;
use crate::message::{Skew, Time, Update};
use crate::node::Sample;

/// Updates that were news to this node.
#[derive(Debug, Serialize)]
pub(super) struct Updates {
    /// The number of updates that were news and are not among these.
    pub(super) left_out: u64,
    pub(super) updates: Vec<Report>,
}

/// A report of a client, or its removal.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Report {
    client: String,
    latitude: Option<f64>,
    longitude: Option<f64>,
    removed: bool,
    /// The node that received the report.
    origin: Option<String>,
    /// The neighbour that sent the update; `None` if a client of this node did.
    from: Option<String>,
    /// The time from the report's time, by the client's clock, to its arrival here.
    age_seconds: Option<f64>,
    at_ms: u64,
}

impl Report {
    /// The update of a sample, which came from the neighbour `from`. Updates without a time have
    /// arrived at `now`. Returns `None` for a line that is not an update, which no sample has.
    pub(super) fn of(sample: &Sample, from: Option<String>, now: Time) -> Option<Report> {
        let update = Update::parse(&sample.line)?;
        let at = update.report;
        let arrived = sample.at.unwrap_or(now);
        let (latitude, longitude) = at.map(|at| at.iamat.location.degrees()).unzip();
        Some(Report {
            client: update.client.as_bytes().escape_ascii().to_string(),
            latitude,
            longitude,
            removed: at.is_none(),
            origin: at.map(|at| at.server().escape_ascii().to_string()),
            from,
            age_seconds: at.map(|at| Skew::between(arrived, at.iamat.stamp.time()).as_secs_f64()),
            at_ms: milliseconds(arrived),
        })
    }
}
