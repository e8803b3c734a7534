//! Traces of reports. Every node computes the same ids from the line of a report, so no line
//! between nodes has to carry them.

use std::time::Duration;

use smallvec::SmallVec;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::{At, Time};

/// The age from which reports are no longer traced. An empty node that joins receives all of them,
/// and so do other regions that ask for them again.
const OLD: Duration = Duration::from_mins(1);

/// The trace of one report: of everything that nodes do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace(u128);

/// The share of reports that are traced. All nodes with an equal share trace the same reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TracedShare(u64);

impl Trace {
    /// Returns the trace of a report, which depends on its client, its time, and when which node
    /// received it. It does not depend on the location, which could be guessed from it otherwise.
    pub fn of(at: &At<'_>) -> Trace {
        let mut identity: SmallVec<[u8; 256]> = SmallVec::new();
        let before_location = at.line.len() - at.location_onwards().len();
        identity.extend_from_slice(&at.line[..before_location]);
        identity.extend_from_slice(at.iamat.stamp.as_bytes());
        // 0 is no id.
        Trace(xxh3_128(&identity).max(1))
    }

    /// Returns the trace with this id; `None` for 0, which is no id.
    pub fn from_id(id: u128) -> Option<Trace> {
        (id != 0).then_some(Trace(id))
    }

    /// Returns the id.
    pub fn id(self) -> u128 {
        self.0
    }

    /// Returns the id of what a node does in this trace, such as `publish`. Other nodes can compute
    /// it, too.
    pub fn span(self, what: &str, node: &[u8]) -> u64 {
        let mut identity: SmallVec<[u8; 128]> = SmallVec::new();
        identity.extend_from_slice(&self.0.to_be_bytes());
        identity.extend_from_slice(what.as_bytes());
        identity.push(b' ');
        identity.extend_from_slice(node);
        xxh3_64(&identity).max(1)
    }
}

impl TracedShare {
    /// Returns a share between 0 and 1.
    pub fn new(share: f64) -> TracedShare {
        // A cast saturates.
        TracedShare((share * u64::MAX as f64) as u64)
    }

    /// Returns the report of an update's line, which arrives at `now`, and its trace; `None` if it
    /// is not traced. Removals never are.
    pub fn traced<'a>(self, line: &'a [u8], now: Time) -> Option<(Trace, At<'a>)> {
        let report = At::parse(line)?;
        let trace = Trace::of(&report);
        let is_new = report.skew.age(report.iamat.stamp.time(), now) <= OLD;
        (self.has(trace) && is_new).then_some((trace, report))
    }

    /// Returns whether a trace is among this share of all traces.
    fn has(self, trace: Trace) -> bool {
        trace.0 as u64 <= self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(line: &str) -> Trace {
        Trace::of(&At::parse(line.as_bytes()).unwrap())
    }

    #[test]
    fn a_trace_is_of_one_report_and_does_not_tell_its_location() {
        let first = trace("AT Alford +0.263873386 kiwi +34.068930-118.445127 1621464827");
        assert_eq!(first, trace("AT Alford +0.263873386 kiwi +1.0-2.0 1621464827"));
        for other in [
            "AT Powell +0.263873386 kiwi +34.068930-118.445127 1621464827",
            "AT Alford +0.263873387 kiwi +34.068930-118.445127 1621464827",
            "AT Alford +0.263873386 kiw +34.068930-118.445127 1621464827",
            "AT Alford +0.263873386 kiwi +34.068930-118.445127 1621464828",
        ] {
            assert_ne!(first, trace(other), "{other}");
        }
        assert_eq!(Trace::from_id(first.id()), Some(first));
        assert_eq!(Trace::from_id(0), None);
    }

    #[test]
    fn spans_of_a_trace_differ_by_node_and_by_what_is_done() {
        let [one, two] = [Trace(1), Trace(2)];
        let span = one.span("publish", b"Alford");
        assert_eq!(span, one.span("publish", b"Alford"));
        for other in
            [one.span("read", b"Alford"), one.span("publish", b"Powell"), two.span("publish", b"Alford")]
        {
            assert_ne!(span, other);
        }
    }

    #[test]
    fn a_share_has_as_many_traces_as_it_says() {
        let traced = |share: f64| {
            let line = |second: u64| format!("AT Alford +0.263873386 kiwi +34.068930-118.445127 {second}");
            let share = TracedShare::new(share);
            (0..10_000).filter(|second| share.has(trace(&line(*second)))).count()
        };
        assert_eq!(traced(1.0), 10_000);
        assert!((900..1_100).contains(&traced(0.1)), "{}", traced(0.1));
        assert_eq!(traced(1e-18), 0);
    }

    #[test]
    fn old_reports_and_removals_are_not_traced() {
        let line = b"AT Alford +0.000000000 kiwi +34.068930-118.445127 1621464827";
        let traced = |line: &[u8], seconds| {
            TracedShare::new(1.0).traced(line, Time { seconds, nanoseconds: 0 }).is_some()
        };
        assert!(traced(line, 1_621_464_827) && traced(line, 1_621_464_887));
        assert!(!traced(line, 1_621_464_888) && !traced(b"REMOVED 1 kiwi", 1_621_464_827));
    }
}
