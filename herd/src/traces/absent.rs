//! What a program without the feature `otel` has of traces: nothing. Herd files with a `[traces]`
//! table are refused before.

use crate::config::TracesTable;
use crate::server::TableAccess;

/// The traces of a node, of which there are none.
#[derive(Clone, Debug, Default)]
pub struct Traces {}

/// The spans that something begins, of which there are none.
#[derive(Debug)]
pub struct Spans;

impl Traces {
    /// Begins nothing.
    ///
    /// # Errors
    /// Never.
    pub fn begin(_: &TracesTable, _: &str, _: &TableAccess) -> Result<Traces, String> {
        Ok(Traces {})
    }

    pub(crate) fn publish(&self, _: &[u8]) -> Spans {
        Spans
    }

    pub(crate) fn read(&self, _: Option<&str>, _: &str, _: &[u8]) -> Spans {
        Spans
    }
}

impl Spans {
    pub(crate) fn parent(&self) -> Option<String> {
        None
    }

    pub(crate) fn end(self) {}
}
