//! Why there is no answer about places.

use std::time::Duration;

use super::Layout;
use super::body::{Unusable, error_answer, error_object};
use super::budget::Spent;

/// Why there is no answer from upstream. The text is for the client: it holds neither a key nor a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlacesError {
    /// No provider is configured.
    #[error(
        "this node asks nobody for places: start it with --places offline, or with --places google and a key"
    )]
    Nobody,
    /// Too many questions are waiting already.
    #[error("too many questions for places are waiting at this node: ask again later")]
    Busy,
    /// The service failed several times in a row, and is left alone for a while.
    #[error("the places service has failed {0} times in a row, and is not asked for {1:?}")]
    Resting(u32, Duration),
    /// No turn to ask the service in time, since so many others ask it.
    #[error("too many questions for places are being asked at this node: no turn came within {0:?}")]
    NoTurn(Duration),
    /// No answer in time.
    #[error("no answer from the places service within {0:?}")]
    Timeout(Duration),
    /// The service could not be reached.
    #[error("the places service cannot be reached: {0}")]
    Connect(&'static str),
    /// The service could be anybody.
    #[error("the places service cannot be reached: certificate not trusted: {0}")]
    Untrusted(&'static str),
    /// The connection ended without an answer.
    #[error("the places service could not be asked: the connection broke before an answer came")]
    Dropped,
    /// The connection broke within an answer.
    #[error("the places service could not be asked: {0}")]
    Transport(&'static str),
    /// No more requests may be sent now.
    #[error("{0}")]
    Limited(Spent),
    /// Another HTTP status than 200.
    #[error("the places service answered HTTP {0}")]
    Status(u16),
    /// A failure of the service itself that it has explained, in words that the filter has passed.
    #[error("{1}")]
    Explained(u16, String),
    /// A body that is no Nearby Search answer.
    #[error("the places service's answer cannot be used: {0}")]
    Unusable(#[from] Unusable),
    /// This node is stopping and could not wait for the answer.
    #[error("this node is stopping")]
    Stopping,
}

impl PlacesError {
    /// Whether the service itself seems to be down, rather than to dislike the question.
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

    /// The answer that says so.
    pub(super) fn answer(&self) -> Vec<u8> {
        match self {
            PlacesError::Limited(_) => {
                Layout::Current.write(&error_answer("OVER_QUERY_LIMIT", &self.to_string()))
            }
            _ => error_object(&self.to_string()),
        }
    }

    /// The names that errors are counted under.
    pub(super) const NAMES: [&str; 12] = [
        "no_provider",
        "busy",
        "breaker_open",
        "no_turn",
        "timeout",
        "not_reached",
        "untrusted",
        "connection_lost",
        "limit_reached",
        "http_error",
        "unusable",
        "stopping",
    ];

    /// The one that it is counted under.
    pub(super) fn name(&self) -> &'static str {
        match self {
            PlacesError::Nobody => "no_provider",
            PlacesError::Busy => "busy",
            PlacesError::Resting(..) => "breaker_open",
            PlacesError::NoTurn(_) => "no_turn",
            PlacesError::Timeout(_) => "timeout",
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
