//! Asking for what is near a location.
//!
//! [`Places`] is what a node asks. Behind it stands one [`Provider`], each in a file of its own. Whatever
//! happens, the answer is a JSON object in the shape of Google's Nearby Search, at most as many results as
//! were asked for, without a line end at its end; failures are such an object too.
//!
//! Nothing that Google has answered is kept: its terms forbid that. Equal questions that are in flight at the same
//! time share one request, and its answer goes when they have been answered.

mod body;
mod breaker;
mod counters;
mod google;
mod google_legacy;
mod http;
mod key;
mod layout;
mod offline;

pub use body::{Unusable, cut, error_object};
pub use counters::Counters;
pub use google::{Fields, Google};
pub use google_legacy::GoogleLegacy;
pub use key::Key;
pub use layout::Layout;
pub use offline::Offline;

use body::{error_answer, is_deeper_than, status_of};
use breaker::Breaker;
use counters::status_name;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::ValueEnum;
use serde::Deserialize;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::node::{Limits, PlacesQuery};

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
    /// No answer in time.
    #[error("no answer from the places service within {0:?}")]
    Timeout(Duration),
    /// The service could not be reached.
    #[error("the places service cannot be reached: {0}")]
    Connect(&'static str),
    /// The connection broke.
    #[error("the places service could not be asked: {0}")]
    Transport(&'static str),
    /// Another HTTP status than 200.
    #[error("the places service answered HTTP {0}")]
    Status(u16),
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
            PlacesError::Timeout(_) | PlacesError::Connect(_) | PlacesError::Transport(_) => true,
            PlacesError::Status(status) => *status >= 500,
            _ => false,
        }
    }

    /// The name it is counted under.
    fn name(&self) -> &'static str {
        match self {
            PlacesError::Nobody => "nobody to ask",
            PlacesError::Busy => "busy",
            PlacesError::Resting(..) => "resting",
            PlacesError::Timeout(_) => "timeout",
            PlacesError::Connect(_) => "not reached",
            PlacesError::Transport(_) => "connection broken",
            PlacesError::Status(_) => "other HTTP status",
            PlacesError::Unusable(_) => "unusable",
            PlacesError::Stopping => "stopping",
        }
    }
}

/// What a question comes to.
type Outcome = Result<Found, PlacesError>;

/// Asks a provider, and bounds how many do so at once and for how long.
#[derive(Clone, Debug)]
pub struct Places(Arc<Upstream>);

#[derive(Debug)]
struct Upstream {
    provider: Provider,
    limits: Limits,
    turns: Semaphore,
    waiting: AtomicUsize,
    /// Questions in flight, to be joined by equal ones.
    flights: Mutex<HashMap<PlacesQuery, Flight>>,
    breaker: Mutex<Breaker>,
    counters: Mutex<Counters>,
    /// Times are counted from here.
    started: Instant,
}

/// A question in flight; its outcome when it has landed.
type Flight = watch::Receiver<Option<Arc<Outcome>>>;

impl Places {
    /// Asks `provider` within `limits`.
    pub fn new(provider: Provider, limits: &Limits) -> Places {
        Places(Arc::new(Upstream {
            provider,
            turns: Semaphore::new(limits.whatsat_upstream),
            waiting: AtomicUsize::new(0),
            flights: Mutex::default(),
            breaker: Mutex::new(Breaker::new(limits.places_failures, limits.places_pause)),
            counters: Mutex::default(),
            started: Instant::now(),
            limits: limits.clone(),
        }))
    }

    /// The JSON to answer `query` with: the provider's, or an error object that says what failed.
    pub async fn answer(&self, query: &PlacesQuery) -> Vec<u8> {
        match self.ask(query).await {
            Ok(found) => found.json,
            Err(error) => {
                tracing::warn!(%error, "no places");
                error_object(&error.to_string())
            }
        }
    }

    /// What the provider finds for `query`.
    ///
    /// # Errors
    /// Says why there is no answer.
    pub async fn ask(&self, query: &PlacesQuery) -> Result<Found, PlacesError> {
        match &self.0.provider {
            Provider::Nobody => Err(PlacesError::Nobody),
            Provider::Offline(offline) => {
                let json = offline.answer(query);
                Ok(Found { status: status_of(&json), json })
            }
            Provider::GoogleLegacy(_) | Provider::Google(_) => {
                let total = self.0.limits.places_total;
                let mut flight = self.board(query);
                let landed = timeout(total, flight.wait_for(Option::is_some)).await;
                let landed = landed.map_err(|_| PlacesError::Timeout(total))?;
                // The one who asks lands its flight, unless the runtime is being shut down.
                let outcome = landed.ok().and_then(|outcome| outcome.clone()).ok_or(PlacesError::Stopping)?;
                Outcome::clone(&outcome)
            }
        }
    }

    /// What became of the questions so far.
    pub fn counters(&self) -> Counters {
        lock(&self.0.counters).clone()
    }

    /// Whether the service is asked: `closed`, `open` or `half-open`.
    pub fn breaker_state(&self) -> &'static str {
        lock(&self.0.breaker).state(self.0.started.elapsed())
    }

    /// Joins an equal question in flight, or begins one. It goes on when those who wait for it go away.
    fn board(&self, query: &PlacesQuery) -> Flight {
        let mut flights = lock(&self.0.flights);
        if let Some(flight) = flights.get(query) {
            lock(&self.0.counters).joined += 1;
            return flight.clone();
        }
        let (landing, flight) = watch::channel(None);
        flights.insert(query.clone(), flight.clone());
        let (upstream, query) = (Arc::clone(&self.0), query.clone());
        tokio::spawn(async move {
            let outcome = upstream.fly(&query).await;
            lock(&upstream.flights).remove(&query);
            landing.send_replace(Some(Arc::new(outcome)));
        });
        flight
    }
}

impl Upstream {
    /// One question from its place in the queue to its outcome.
    async fn fly(&self, query: &PlacesQuery) -> Outcome {
        let began = Instant::now();
        let outcome = timeout(self.limits.places_total, self.ask_in_turn(query)).await;
        let outcome = outcome.unwrap_or(Err(PlacesError::Timeout(self.limits.places_total)));
        let name = outcome.as_ref().map_or_else(PlacesError::name, |found| status_name(&found.status));
        lock(&self.counters).note(name, began.elapsed());
        if !matches!(outcome, Err(PlacesError::Busy | PlacesError::Resting(..))) {
            let failed = outcome.as_ref().is_err_and(PlacesError::is_outage);
            lock(&self.breaker).note(failed, self.started.elapsed());
        }
        outcome
    }

    async fn ask_in_turn(&self, query: &PlacesQuery) -> Outcome {
        let _turn = match self.turns.try_acquire() {
            Ok(turn) => turn,
            Err(_) => self.wait_for_turn().await?,
        };
        if !lock(&self.breaker).admits(self.started.elapsed()) {
            return Err(PlacesError::Resting(self.limits.places_failures, self.limits.places_pause));
        }
        let outcome = self.ask_once(query).await;
        if !is_worth_a_retry(&outcome) {
            return outcome;
        }
        // Jittered, so that nodes that failed together do not come back together.
        let jitter = getrandom::u32().unwrap_or_default() as f64 / f64::from(u32::MAX);
        sleep(self.limits.places_retry.mul_f64(1.0 + jitter)).await;
        self.ask_once(query).await
    }

    async fn ask_once(&self, query: &PlacesQuery) -> Outcome {
        lock(&self.counters).requests += 1;
        match &self.provider {
            Provider::GoogleLegacy(google) => google.ask(query).await,
            Provider::Google(google) => google.ask(query).await,
            Provider::Nobody | Provider::Offline(_) => Err(PlacesError::Nobody),
        }
    }

    async fn wait_for_turn(&self) -> Result<SemaphorePermit<'_>, PlacesError> {
        let _place = Waiting::join(&self.waiting, self.limits.whatsat_waiting).ok_or(PlacesError::Busy)?;
        self.turns.acquire().await.map_err(|_| PlacesError::Stopping)
    }
}

/// Whether asking once more may help: not when Google has said no.
fn is_worth_a_retry(outcome: &Outcome) -> bool {
    match outcome {
        Ok(found) => found.status == "UNKNOWN_ERROR",
        Err(PlacesError::Connect(_)) => true,
        Err(PlacesError::Status(status)) => matches!(status, 500 | 502 | 503 | 504),
        Err(_) => false,
    }
}

/// A place among those who wait, given back when dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn join(waiting: &'a AtomicUsize, most: usize) -> Option<Waiting<'a>> {
        let place = Waiting(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Locks what is only ever held for a few instructions; nothing in them panics half-way.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
