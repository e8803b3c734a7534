//! The errors of requests for places.

use std::time::Duration;

use super::Layout;
use super::body::{Unusable, error_answer, error_object};
use super::budget::Spent;

/// The reason why there is no answer. The text is sent to the client, so it contains neither a key
/// nor a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlacesError {
    /// No provider is configured.
    #[error(
        "this node has no places provider: start it with --places offline, or with --places google and a key"
    )]
    Nobody,
    /// Too many questions wait already.
    #[error("too many questions for places are waiting at this node: try again later")]
    Busy,
    /// The circuit breaker is open after consecutive failures of the service.
    #[error(
        "the places service has failed {0} times in a row: no request is sent to it for {1:?} (circuit breaker open)"
    )]
    Resting(u32, Duration),
    /// The question did not get its turn in time, since too many others were in progress.
    #[error("too many questions for places are in progress at this node: this one had no turn within {0:?}")]
    NoTurn(Duration),
    /// The service did not answer in time.
    #[error("no answer from the places service within {0:?}")]
    Timeout(Duration),
    /// The service could not be reached.
    #[error("the places service cannot be reached: {0}")]
    Connect(&'static str),
    /// The service's certificate is not trusted.
    #[error("the places service cannot be reached: certificate not trusted: {0}")]
    Untrusted(&'static str),
    /// The connection ended without an answer.
    #[error("the request to the places service failed: the connection was lost before an answer came")]
    Dropped,
    /// The connection was lost within an answer.
    #[error("the request to the places service failed: {0}")]
    Transport(&'static str),
    /// A rate limit is exhausted.
    #[error("{0}")]
    Limited(Spent),
    /// The service answered with an HTTP status other than 200.
    #[error("the places service answered HTTP {0}")]
    Status(u16),
    /// An error of the service with its explanation, which has passed the filter.
    #[error("{1}")]
    Explained(u16, String),
    /// The body is not a Nearby Search answer.
    #[error("the places service's answer cannot be used: {0}")]
    Unusable(#[from] Unusable),
    /// The node is stopping, and did not wait for the answer.
    #[error("this node is stopping")]
    Stopping,
}

impl PlacesError {
    /// Whether the error suggests that the service is down, rather than that it rejects the
    /// question.
    pub(super) fn is_outage(&self) -> bool {
        match self {
            PlacesError::Timeout(_)
            | PlacesError::Connect(_)
            | PlacesError::Untrusted(_)
            | PlacesError::Dropped
            | PlacesError::Transport(_) => true,
            PlacesError::Status(status) | PlacesError::Explained(status, _) => *status >= 500,
            _ => false,
        }
    }

    /// The answer to the client, with the message of the error.
    pub(super) fn answer(&self) -> Vec<u8> {
        match self {
            PlacesError::Limited(_) => {
                Layout::Current.write(&error_answer("OVER_QUERY_LIMIT", &self.to_string()))
            }
            _ => error_object(&self.to_string()),
        }
    }

    /// The name under which [`Timeout`](Self::Timeout) is counted.
    pub(super) const TIMEOUT: &str = "timeout";

    /// The names under which errors are counted.
    pub(super) const NAMES: [&str; 12] = [
        "no_provider",
        "busy",
        "breaker_open",
        "no_turn",
        PlacesError::TIMEOUT,
        "not_reached",
        "untrusted",
        "connection_lost",
        "limit_reached",
        "http_error",
        "unusable",
        "stopping",
    ];

    /// The name under which this error is counted.
    pub(super) fn name(&self) -> &'static str {
        match self {
            PlacesError::Nobody => "no_provider",
            PlacesError::Busy => "busy",
            PlacesError::Resting(..) => "breaker_open",
            PlacesError::NoTurn(_) => "no_turn",
            PlacesError::Timeout(_) => PlacesError::TIMEOUT,
            PlacesError::Connect(_) => "not_reached",
            PlacesError::Untrusted(_) => "untrusted",
            PlacesError::Dropped | PlacesError::Transport(_) => "connection_lost",
            PlacesError::Limited(_) => "limit_reached",
            PlacesError::Status(_) | PlacesError::Explained(..) => "http_error",
            PlacesError::Unusable(_) => "unusable",
            PlacesError::Stopping => "stopping",
        }
    }
}
