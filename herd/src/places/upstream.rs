//! Sends requests to a service over the network. Requests queue for a turn, equal questions share a
//! request, some failures are retried once, and a circuit breaker stops requests while the service
//! is down.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::breaker::Breaker;
use super::budget::Budget;
use super::counters::Requests;
use super::filter::Filter;
use super::http::Connection;
use super::{BudgetState, Counters, Found, Google, GoogleLegacy, Key, PlacesError};
use crate::ambient;
use crate::histogram::Distribution;
use crate::node::{Limits, PlacesQuery};

/// A service and its requests.
#[derive(Debug)]
pub(super) enum Service {
    Google(Google),
    GoogleLegacy(GoogleLegacy),
}

/// A service, and the questions in progress.
#[derive(Clone, Debug)]
pub(super) struct Upstream(Arc<SharedUpstream>);

#[derive(Debug)]
struct SharedUpstream {
    service: Service,
    filter: Filter,
    limits: Limits,
    turns: Semaphore,
    /// The number of questions that wait for a turn.
    waiting: AtomicUsize,
    /// The questions in flight, which equal questions join.
    flights: Mutex<HashMap<PlacesQuery, Arc<Flight>>>,
    breaker: Mutex<Breaker>,
    budget: Mutex<Budget>,
    counters: Mutex<Counters>,
    requests: Requests,
    /// The origin of times.
    started: Instant,
}

/// A question in flight. Those who asked it wait here for its outcome.
type Flight = watch::Sender<Option<Arc<PlacesResult>>>;

/// The part of its time, as a divisor, that a question must have left when its turn comes. With
/// less, it would hardly be answered in time, but would be billed.
const LEAST_LEFT: u32 = 10;

/// The outcome of a question.
type PlacesResult = Result<Found, PlacesError>;

impl Upstream {
    /// An upstream for `service` within `limits`.
    pub(super) fn new(service: Service, limits: &Limits) -> Upstream {
        Upstream(Arc::new(SharedUpstream {
            filter: Filter::new(service.key(), limits.places_message_chars),
            service,
            turns: Semaphore::new(limits.whatsat_upstream),
            waiting: AtomicUsize::new(0),
            flights: Mutex::default(),
            breaker: Mutex::new(Breaker::new(limits.places_failures, limits.places_pause)),
            budget: Mutex::new(Budget::new(limits)),
            counters: Mutex::default(),
            requests: Requests::default(),
            started: Instant::now(),
            limits: limits.clone(),
        }))
    }

    /// The service's answer to `query` of `client`, within [`places_total`](Limits::places_total).
    pub(super) async fn ask(&self, query: &PlacesQuery, client: IpAddr) -> PlacesResult {
        if let Some(refusal) = self.0.service.refusal(query) {
            return Ok(refusal);
        }
        let mut landing = self.board(query, client)?;
        match landing.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(outcome)) => PlacesResult::clone(outcome),
            // The flight panicked, or the runtime has ended.
            _ => Err(PlacesError::Stopping),
        }
    }

    pub(super) fn counters(&self) -> Counters {
        lock(&self.0.counters).clone()
    }

    pub(super) fn request_durations(&self) -> BTreeMap<&'static str, Distribution> {
        self.0.requests.durations()
    }

    pub(super) fn budget(&self) -> BudgetState {
        lock(&self.0.budget).state(now())
    }

    pub(super) fn breaker_state(&self) -> &'static str {
        lock(&self.0.breaker).state(self.0.started.elapsed())
    }

    /// Joins an equal question in flight, or starts a new flight.
    fn board(
        &self,
        query: &PlacesQuery,
        client: IpAddr,
    ) -> Result<watch::Receiver<Option<Arc<PlacesResult>>>, PlacesError> {
        let mut flights = lock(&self.0.flights);
        if let Some(flight) = flights.get(query) {
            lock(&self.0.counters).joined += 1;
            return Ok(flight.subscribe());
        }
        // The rate limit is checked first, since a rejection needs no turn.
        lock(&self.0.budget).check(client, now()).map_err(PlacesError::Limited)?;
        let (flight, landing) = watch::channel(None);
        let flight = Arc::new(flight);
        flights.insert(query.clone(), Arc::clone(&flight));
        let listed = Listed { shared: Arc::clone(&self.0), query: query.clone(), client, flight };
        tokio::spawn(async move {
            if let Some(outcome) = listed.shared.fly(&listed).await {
                listed.flight.send_replace(Some(Arc::new(outcome)));
            }
        });
        Ok(landing)
    }
}

/// A flight that equal questions can join. Removed from the list when dropped, also by a panic.
struct Listed {
    shared: Arc<SharedUpstream>,
    query: PlacesQuery,
    /// The client that asked first, to which the requests are counted.
    client: IpAddr,
    flight: Arc<Flight>,
}

impl Listed {
    /// Removes the flight from the list if no client waits for it. An equal question afterwards
    /// starts a new flight.
    fn is_abandoned(&self) -> bool {
        let mut flights = lock(&self.shared.flights);
        let abandoned = self.flight.receiver_count() == 0;
        if abandoned {
            self.remove_from(&mut flights);
        }
        abandoned
    }

    fn remove_from(&self, flights: &mut HashMap<PlacesQuery, Arc<Flight>>) {
        if flights.get(&self.query).is_some_and(|listed| Arc::ptr_eq(listed, &self.flight)) {
            flights.remove(&self.query);
        }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.remove_from(&mut lock(&self.shared.flights));
    }
}

impl SharedUpstream {
    /// Runs one question from its place in the queue to its outcome. Returns `None` if all clients
    /// that asked it have disconnected before its turn. After that it runs to its end, since it is
    /// billed anyway and others may still join it.
    async fn fly(&self, flight: &Listed) -> Option<PlacesResult> {
        let deadline = Instant::now() + self.limits.places_total;
        let turn = timeout_at(deadline - self.limits.places_total / LEAST_LEFT, self.turn()).await;
        if flight.is_abandoned() {
            return None;
        }
        Some(match turn {
            Ok(Ok(_turn)) => self.ask_by(deadline, flight).await,
            Ok(Err(error)) => Err(error),
            Err(_) => Err(PlacesError::NoTurn(self.limits.places_total)),
        })
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, PlacesError> {
        if let Ok(turn) = self.turns.try_acquire() {
            return Ok(turn);
        }
        let _place = Waiting::join(&self.waiting, self.limits.whatsat_waiting).ok_or(PlacesError::Busy)?;
        self.turns.acquire().await.map_err(|_| PlacesError::Stopping)
    }

    /// Sends the question unless the circuit breaker is open, and reports the result to the
    /// breaker.
    async fn ask_by(&self, deadline: Instant, flight: &Listed) -> PlacesResult {
        let began = Instant::now();
        if !lock(&self.breaker).admits(began - self.started) {
            return Err(PlacesError::Resting(self.limits.places_failures, self.limits.places_pause));
        }
        let outcome = timeout_at(deadline, self.ask_twice(flight)).await;
        let outcome = outcome.unwrap_or(Err(PlacesError::Timeout(self.limits.places_total)));
        let latency = began.elapsed();
        lock(&self.counters).note_latency(latency);
        // The timeout of a question that waited long for its turn does not count against the
        // service.
        let too_soon = latency < self.limits.places_total / 2;
        let says_nothing = match outcome {
            Err(PlacesError::Timeout(_)) => too_soon,
            Err(PlacesError::Limited(_)) => true,
            _ => false,
        };
        if !says_nothing {
            let failed = outcome.as_ref().is_err_and(PlacesError::is_outage);
            lock(&self.breaker).note(failed, self.started.elapsed());
        }
        outcome
    }

    /// Sends the question, and retries it once if that may help.
    async fn ask_twice(&self, flight: &Listed) -> PlacesResult {
        let outcome = self.ask_once(flight, Connection::Pooled).await;
        match retry(&outcome) {
            Retry::Never => return outcome,
            Retry::AtOnce => {}
            Retry::Later => {
                // Jittered, so that nodes do not retry at the same time.
                let jitter = getrandom::u32().unwrap_or_default() as f64 / f64::from(u32::MAX);
                sleep(self.limits.places_retry.mul_f64(1.0 + jitter)).await;
            }
        }
        match self.ask_once(flight, Connection::Fresh).await {
            // The rate limit leaves no request for a retry: the first error explains more.
            Err(PlacesError::Limited(_)) => outcome,
            second => second,
        }
    }

    /// Sends one request. This is the only place from which an outcome leaves, through the filter.
    async fn ask_once(&self, flight: &Listed, connection: Connection) -> PlacesResult {
        lock(&self.budget).take(flight.client, now()).map_err(PlacesError::Limited)?;
        lock(&self.counters).requests += 1;
        let request = self.requests.begin();
        let outcome = match &self.service {
            Service::Google(google) => google.ask(&flight.query, connection).await,
            Service::GoogleLegacy(google) => google.ask(&flight.query, connection).await,
        };
        request.end(&outcome);
        self.filter.pass(outcome)
    }
}

impl Service {
    fn key(&self) -> &Key {
        match self {
            Service::Google(google) => google.key(),
            Service::GoogleLegacy(google) => google.key(),
        }
    }

    /// The answer to a question that the service would reject, so that it need not be sent.
    fn refusal(&self, query: &PlacesQuery) -> Option<Found> {
        match self {
            Service::Google(google) => google.refusal(query),
            Service::GoogleLegacy(_) => None,
        }
    }
}

/// The time of a retry.
enum Retry {
    Never,
    AtOnce,
    Later,
}

/// Whether and when to retry: not if Google has rejected the question. A connection that ended
/// without an answer was probably an old one, so the retry is immediate.
fn retry(outcome: &PlacesResult) -> Retry {
    let may_help = match outcome {
        Ok(found) => found.status == "UNKNOWN_ERROR",
        Err(PlacesError::Dropped) => return Retry::AtOnce,
        Err(PlacesError::Connect(_)) => true,
        Err(PlacesError::Status(status) | PlacesError::Explained(status, _)) => {
            matches!(status, 500 | 502 | 503 | 504)
        }
        Err(_) => false,
    };
    if may_help { Retry::Later } else { Retry::Never }
}

/// The wall-clock time since 1970.
fn now() -> Duration {
    ambient::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A place in the queue, freed when dropped.
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

/// Locks a mutex that is held for a few instructions only, none of which leaves the data
/// inconsistent on a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
