//! Answers which places are near a location.
//!
//! A node asks [`Places`], which asks its [`Provider`]. The answer is always a JSON object in the
//! shape of Google's Nearby Search, without a final line end and with at most the requested number
//! of results. Errors have the same shape.
//!
//! Google's answers are not cached, since its terms forbid that. Equal questions that are in flight
//! at the same time share one request, whose answer is dropped after they have been answered.
//!
//! Every text of a service passes a filter that masks the API key.

mod body;
mod breaker;
mod budget;
mod counters;
mod earth;
mod error;
mod filter;
mod google;
mod google_legacy;
mod http;
mod key;
mod layout;
mod offline;
pub mod osm;
mod upstream;

pub use body::{Unusable, cut, error_object};
pub use budget::{BudgetState, Spent};
pub use counters::Counters;
pub use error::PlacesError;
pub use google::{Fields, Google};
pub use google_legacy::GoogleLegacy;
#[cfg(feature = "otel")]
pub(crate) use http::{root_certificates, tls_client};
pub use key::Key;
pub use layout::Layout;
pub use offline::Offline;

use body::{error_answer, is_deeper_than, status_of};
use counters::Questions;
use osm::Osm;
use upstream::{Service, Upstream};

use std::collections::BTreeMap;
use std::net::IpAddr;

use clap::ValueEnum;
use serde::Deserialize;
use strum::{EnumString, VariantNames};
use tokio::time::Instant;

use crate::histogram::Distribution;
use crate::node::{Limits, PlacesQuery};
use crate::repeats::{Event, Repeats};

/// A provider by name, as on the command line and in herd files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, EnumString, ValueEnum, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ProviderName {
    /// Embedded table of cities; needs neither a key nor a network
    Offline,
    /// Places from OpenStreetMap, in a file that `herd places build` makes
    Osm,
    /// Google's Places API (New); needs a key
    Google,
    /// Google's legacy Nearby Search, available to older projects only; needs a key
    GoogleLegacy,
    /// No provider: every WHATSAT is answered with an error
    None,
}

/// A places provider, ready for use.
#[derive(Debug)]
pub enum Provider {
    /// No provider: every answer is an error that explains how to configure one.
    Nobody,
    /// The embedded table of cities.
    Offline(Offline),
    /// Places from OpenStreetMap, in a file.
    Osm(Osm),
    /// Google's legacy Nearby Search, passed through byte for byte.
    GoogleLegacy(GoogleLegacy),
    /// Google's Places API (New), in the legacy shape.
    Google(Google),
}

impl Provider {
    /// Whether the provider holds an API key.
    pub fn holds_key(&self) -> bool {
        matches!(self, Provider::Google(_) | Provider::GoogleLegacy(_))
    }

    /// The places file, to read it again, if the provider has one.
    pub fn osm(&self) -> Option<Osm> {
        match self {
            Provider::Osm(osm) => Some(osm.clone()),
            _ => None,
        }
    }
}

/// The answer of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The JSON of the answer.
    pub json: Vec<u8>,
    /// The `status` in the JSON.
    pub status: String,
}

/// Cuts `text` if it has more than `most` characters.
pub fn shorten(text: &str, most: usize) -> String {
    match text.chars().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// A places provider with limits on concurrency and time.
#[derive(Debug)]
pub struct Places {
    asked: Asked,
    questions: Questions,
    repeats: Repeats,
    /// The origin of times.
    started: Instant,
}

#[derive(Debug)]
enum Asked {
    Nobody,
    Offline(Offline),
    Osm(Osm),
    Upstream(Upstream),
}

impl Places {
    /// Places from `provider` within `limits`.
    pub fn new(provider: Provider, limits: &Limits) -> Places {
        let asked = match provider {
            Provider::Nobody => Asked::Nobody,
            Provider::Offline(offline) => Asked::Offline(offline),
            Provider::Osm(osm) => Asked::Osm(osm),
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

    /// Logs a summary of recent errors. To be called about once a second.
    pub fn flush_log(&self) {
        self.repeats.flush(self.started.elapsed());
    }

    /// The JSON of the answer to `query` of `client`: that of the provider, or an error object.
    pub async fn answer(&self, query: &PlacesQuery, client: IpAddr) -> Vec<u8> {
        let began = Instant::now();
        let outcome = self.ask(query, client).await;
        self.questions.note_answer(&outcome, began.elapsed());
        match outcome {
            Ok(found) => found.json,
            Err(error) => {
                match error {
                    // The limit has been logged when it was reached.
                    PlacesError::Limited(_) => tracing::debug!(%error, %client, "places request failed"),
                    _ => {
                        let reason = error.to_string();
                        let peer = client.to_string();
                        let event = Event {
                            what: "places request failed",
                            neighbour: None,
                            reason: &reason,
                            peer: &peer,
                        };
                        self.repeats.warn(self.started.elapsed(), event);
                    }
                }
                error.answer()
            }
        }
    }

    /// The provider's answer to `query` of `client`.
    ///
    /// # Errors
    /// There is no answer; the error gives the reason.
    pub async fn ask(&self, query: &PlacesQuery, client: IpAddr) -> Result<Found, PlacesError> {
        match &self.asked {
            Asked::Nobody => Err(PlacesError::Nobody),
            Asked::Offline(offline) => {
                let json = offline.answer(query);
                Ok(Found { status: status_of(&json), json })
            }
            Asked::Osm(osm) => Ok(osm.answer(query)),
            Asked::Upstream(upstream) => upstream.ask(query, client).await,
        }
    }

    /// The number of clients' questions, by outcome.
    pub fn outcomes(&self) -> BTreeMap<&'static str, u64> {
        self.questions.outcomes()
    }

    /// The durations of clients' questions.
    pub(crate) fn durations(&self) -> Distribution {
        self.questions.durations()
    }

    /// The durations of requests sent upstream, by outcome; see [`outcomes`](Self::outcomes).
    pub(crate) fn request_durations(&self) -> BTreeMap<&'static str, Distribution> {
        match &self.asked {
            Asked::Upstream(upstream) => upstream.request_durations(),
            Asked::Nobody | Asked::Offline(_) | Asked::Osm(_) => BTreeMap::new(),
        }
    }

    /// The counters of requests sent upstream.
    pub fn counters(&self) -> Counters {
        match &self.asked {
            Asked::Upstream(upstream) => upstream.counters(),
            Asked::Nobody | Asked::Offline(_) | Asked::Osm(_) => Counters::default(),
        }
    }

    /// The state of the rate limits of a service that bills requests.
    pub fn budget(&self) -> BudgetState {
        match &self.asked {
            Asked::Upstream(upstream) => upstream.budget(),
            Asked::Nobody | Asked::Offline(_) | Asked::Osm(_) => BudgetState::default(),
        }
    }

    /// All values of [`breaker_state`](Self::breaker_state).
    pub const BREAKER_STATES: [&str; 3] = breaker::STATES;

    /// The state of the circuit breaker: `closed`, `open` or `half-open`.
    pub fn breaker_state(&self) -> &'static str {
        match &self.asked {
            Asked::Upstream(upstream) => upstream.breaker_state(),
            Asked::Nobody | Asked::Offline(_) | Asked::Osm(_) => "closed",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
