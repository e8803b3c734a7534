//! What a client reports: an id, a place and a time.

use std::time::{SystemTime, UNIX_EPOCH};

use super::at_line::{AtLine, coordinates};
use super::case::Case;

/// A report of a client, as an IAMAT makes it.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientReport {
    /// The client's id.
    pub id: String,
    /// Its place, such as `+34.068930-118.445127`.
    pub location: String,
    /// Its time, such as `1520023934.918963997`.
    pub time: String,
}

impl ClientReport {
    /// Returns the command without its line end.
    pub fn command(&self) -> String {
        format!("IAMAT {} {} {}", self.id, self.location, self.time)
    }

    /// Returns the command that asks for the client.
    pub fn question(&self) -> String {
        format!("WHATSAT {} 10 5", self.id)
    }

    /// Returns the same client with a report from `seconds` later, at another place.
    pub fn later(&self, seconds: f64, case: &mut Case<'_>) -> ClientReport {
        let time = self.time.parse::<f64>().unwrap_or_default() + seconds;
        ClientReport { id: self.id.clone(), location: case.location(), time: format!("{time:.6}000") }
    }

    /// Returns latitude and longitude in degrees.
    pub fn coordinates(&self) -> (f64, f64) {
        coordinates(&self.location).unwrap_or_default()
    }

    /// Returns whether a line is the AT line of this report.
    pub fn is_in(&self, line: &AtLine) -> bool {
        line.id == self.id && line.coordinates().is_some_and(|at| same_place(at, self.coordinates()))
    }
}

/// Returns whether two places are the same, up to the seventh decimal.
pub fn same_place(one: (f64, f64), other: (f64, f64)) -> bool {
    (one.0 - other.0).abs() < 1e-6 && (one.1 - other.1).abs() < 1e-6
}

/// Returns the seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Returns a time as clients print it, with nine decimals.
pub fn time_text(seconds: f64) -> String {
    format!("{seconds:.6}997")
}
