//! Traces of single reports, from the node that answered the client to the last node of the last
//! region, as spans that go to an OpenTelemetry collector. They need the feature `otel`.
//!
//! | span | node | parent |
//! |---|---|---|
//! | `iamat` | the one that answered the client | none |
//! | `apply` | each other one to which the update was news | `iamat` or `apply` at the neighbour that sent it, or `read` at this node |
//! | `publish` | one that published the update on the backbone, until the servers stored it | `iamat` or `apply` at this node |
//! | `read` | one that read the message in another region, until it was applied | `publish`, as the header of the message says |
//!
//! All nodes compute the same ids from the line of an update, so links carry nothing for it. A
//! message of the backbone has many updates. Its header `traceparent` is of the first one that is
//! traced.
//!
//! Spans wait in bounded queues. What a collector does not take is dropped, counted and logged.

#[cfg(feature = "otel")]
mod context;
#[cfg(feature = "otel")]
mod export;
#[cfg(feature = "otel")]
mod spans;
#[cfg(feature = "otel")]
pub use spans::{Spans, Traces};

#[cfg(not(feature = "otel"))]
mod absent;
#[cfg(not(feature = "otel"))]
pub use absent::{Spans, Traces};

/// The header of messages that has the context of a trace, in the format of the W3C.
pub(crate) const TRACEPARENT: &str = "traceparent";
