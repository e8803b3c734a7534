//! Asking for what is near a location.
//!
//! [`Places`] is what a node asks. Behind it stands one [`Provider`], each in a file of its own. Whatever
//! happens, the answer is a JSON object in the shape of Google's Nearby Search, at most as many results as
//! were asked for, without a line end at its end; failures are such an object too.
//!
//! Nothing that Google has answered is kept: its terms forbid that. Equal questions that are in flight at the same
//! time share one request, and its answer goes when they have been answered.
//!
//! Whatever a service says leaves through one filter, which masks the API key.

mod body;
mod breaker;
mod budget;
mod counters;
mod filter;
mod google;
mod google_legacy;
mod http;
mod key;
mod layout;
mod offline;
mod upstream;

pub use body::{Unusable, cut, error_object};
pub use budget::{BudgetState, Spent};
pub use counters::Counters;
pub use google::{Fields, Google};
pub use google_legacy::GoogleLegacy;
pub use key::Key;
pub use layout::Layout;
pub use offline::Offline;

use body::{error_answer, is_deeper_than, status_of};
use counters::Questions;
use upstream::{Service, Upstream};

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use clap::ValueEnum;
use prometheus_client::metrics::histogram::Histogram;
use serde::Deserialize;

use tokio::time::Instant;

use crate::node::{Limits, PlacesQuery};
use crate::repeats::{Event, Repeats};

/// A provider by name, as on the command line and in herd files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderName {
    /// Cities from an embedded table; needs no key and no network.
    Offline,
    /// Google's Places API (New); needs a key.
    Google,
    /// Google's legacy Nearby Search, which only older projects can use; needs a key.
    GoogleLegacy,
    /// Nobody is asked.
    None,
}

/// Who is asked for places.
#[derive(Debug)]
pub enum Provider {
    /// Nobody: every question is answered by how to configure somebody.
    Nobody,
    /// The embedded table of cities.
    Offline(Offline),
    /// Google's legacy Nearby Search, passed through byte for byte.
    GoogleLegacy(GoogleLegacy),
    /// Google's Places API (New), in the legacy shape.
    Google(Google),
}

impl Provider {
    /// Whether it has been given an API key.
    pub fn holds_key(&self) -> bool {
        matches!(self, Provider::Google(_) | Provider::GoogleLegacy(_))
    }
}

/// What a provider has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The JSON to answer with.
    pub json: Vec<u8>,
    /// Its `status`.
    pub status: String,
}

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
    fn is_outage(&self) -> bool {
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
    fn answer(&self) -> Vec<u8> {
        match self {
            PlacesError::Limited(_) => {
                Layout::Current.write(&error_answer("OVER_QUERY_LIMIT", &self.to_string()))
            }
            _ => error_object(&self.to_string()),
        }
    }

    /// The names that errors are counted under.
    const NAMES: [&str; 12] = [
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
    fn name(&self) -> &'static str {
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

/// `text`, cut if it has more than `most` characters.
pub fn shorten(text: &str, most: usize) -> String {
    match text.chars().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Asks a provider, and bounds how many do so at once and for how long.
#[derive(Debug)]
pub struct Places {
    asked: Asked,
    questions: Questions,
    repeats: Repeats,
    /// Times are counted from here.
    started: Instant,
}

#[derive(Debug)]
enum Asked {
    Nobody,
    Offline(Offline),
    Upstream(Upstream),
}

impl Places {
    /// Asks `provider` within `limits`.
    pub fn new(provider: Provider, limits: &Limits) -> Places {
        let asked = match provider {
            Provider::Nobody => Asked::Nobody,
            Provider::Offline(offline) => Asked::Offline(offline),
            Provider::Google(google) => Asked::Upstream(Upstream::new(Service::Google(google), limits)),
            Provider::GoogleLegacy(google) => {
                Asked::Upstream(Upstream::new(Service::GoogleLegacy(google), limits))
            }
        };
        Places {
            asked,
            questions: Questions::default(),
            repeats: Repeats::new(limits.log_repeat),
            started: Instant::now(),
        }
    }

    /// Logs how often questions had no answer lately. To be called about once a second.
    pub fn flush_log(&self) {
        self.repeats.flush(self.started.elapsed());
    }

    /// The JSON to answer `query` of `client` with: the provider's, or an error object that says what failed.
    pub async fn answer(&self, query: &PlacesQuery, client: IpAddr) -> Vec<u8> {
        let began = Instant::now();
        let outcome = self.ask(query, client).await;
        self.questions.note(&outcome, began.elapsed());
        match outcome {
            Ok(found) => found.json,
            Err(error) => {
                match error {
                    // That the limit is reached has been logged once.
                    PlacesError::Limited(_) => tracing::debug!(%error, %client, "no places"),
                    _ => {
                        let (reason, peer) = (error.to_string(), client.to_string());
                        let event =
                            Event { what: "no places", neighbour: None, reason: &reason, peer: &peer };
                        self.repeats.warn(self.started.elapsed(), event);
                    }
                }
                error.answer()
            }
        }
    }

    /// What the provider finds for `query` of `client`.
    ///
    /// # Errors
    /// Says why there is no answer.
    pub async fn ask(&self, query: &PlacesQuery, client: IpAddr) -> Result<Found, PlacesError> {
        match &self.asked {
            Asked::Nobody => Err(PlacesError::Nobody),
            Asked::Offline(offline) => {
                let json = offline.answer(query);
                Ok(Found { status: status_of(&json), json })
            }
            Asked::Upstream(upstream) => upstream.ask(query, client).await,
        }
    }

    /// How many questions of clients there were, by what they came to.
    pub fn outcomes(&self) -> BTreeMap<&'static str, u64> {
        self.questions.outcomes()
    }

    /// How long clients waited for places.
    pub fn durations(&self) -> Histogram {
        self.questions.durations()
    }

    /// What was asked upstream so far.
    pub fn counters(&self) -> Counters {
        match &self.asked {
            Asked::Upstream(upstream) => upstream.counters(),
            Asked::Nobody | Asked::Offline(_) => Counters::default(),
        }
    }

    /// How many requests may still be sent to a service that bills them.
    pub fn budget(&self) -> BudgetState {
        match &self.asked {
            Asked::Upstream(upstream) => upstream.budget(),
            Asked::Nobody | Asked::Offline(_) => BudgetState::default(),
        }
    }

    /// All that [`breaker_state`](Self::breaker_state) can say.
    pub const BREAKER_STATES: [&str; 3] = breaker::STATES;

    /// Whether the service is asked: `closed`, `open` or `half-open`.
    pub fn breaker_state(&self) -> &'static str {
        match &self.asked {
            Asked::Upstream(upstream) => upstream.breaker_state(),
            Asked::Nobody | Asked::Offline(_) => "closed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_says_about_a_question_is_no_outage() {
        for (error, is_outage) in [
            (PlacesError::Timeout(Duration::ZERO), true),
            (PlacesError::Connect("refused"), true),
            (PlacesError::Untrusted("unknown"), true),
            (PlacesError::Dropped, true),
            (PlacesError::Transport("broken"), true),
            (PlacesError::Status(500), true),
            (PlacesError::Explained(503, String::new()), true),
            (PlacesError::Status(499), false),
            (PlacesError::Explained(403, String::new()), false),
            (PlacesError::Busy, false),
            (PlacesError::Stopping, false),
        ] {
            assert_eq!(error.is_outage(), is_outage, "{error:?}");
        }
    }

    #[test]
    fn every_error_is_counted_under_one_of_the_names() {
        let errors = [
            PlacesError::Nobody,
            PlacesError::Busy,
            PlacesError::Resting(1, Duration::ZERO),
            PlacesError::NoTurn(Duration::ZERO),
            PlacesError::Timeout(Duration::ZERO),
            PlacesError::Connect("refused"),
            PlacesError::Untrusted("unknown"),
            PlacesError::Dropped,
            PlacesError::Transport("broken"),
            PlacesError::Limited(Spent::default()),
            PlacesError::Status(500),
            PlacesError::Explained(403, String::new()),
            PlacesError::Unusable(Unusable::NotAnAnswer),
            PlacesError::Stopping,
        ];
        let names: std::collections::BTreeSet<&str> = errors.iter().map(PlacesError::name).collect();
        assert_eq!(names, PlacesError::NAMES.into());
    }
}
