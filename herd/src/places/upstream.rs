//! Asking a service over the network: in turn, once for equal questions, once more where that may help, and not at
//! all while it is down.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::breaker::Breaker;
use super::budget::Budget;
use super::filter::Filter;
use super::http::Connection;
use super::{BudgetState, Counters, Found, Google, GoogleLegacy, Key, PlacesError};
use crate::ambient;
use crate::node::{Limits, PlacesQuery};

/// A service that can be asked.
#[derive(Debug)]
pub(super) enum Service {
    Google(Google),
    GoogleLegacy(GoogleLegacy),
}

/// A service, and who asks it now.
#[derive(Clone, Debug)]
pub(super) struct Upstream(Arc<SharedUpstream>);

#[derive(Debug)]
struct SharedUpstream {
    service: Service,
    filter: Filter,
    limits: Limits,
    turns: Semaphore,
    /// Questions that wait for a turn.
    waiting: AtomicUsize,
    /// Questions in flight, to be joined by equal ones.
    flights: Mutex<HashMap<PlacesQuery, Arc<Flight>>>,
    breaker: Mutex<Breaker>,
    budget: Mutex<Budget>,
    counters: Mutex<Counters>,
    /// Times are counted from here.
    started: Instant,
}

/// A question in flight: those who asked it wait here for its outcome.
type Flight = watch::Sender<Option<Arc<PlacesResult>>>;

/// A question whose turn comes when less than one part in so many of its time is left is not asked: it would hardly
/// be answered, and be billed all the same.
const LEAST_LEFT: u32 = 10;

/// What a question comes to.
type PlacesResult = Result<Found, PlacesError>;

impl Upstream {
    /// Asks `service` within `limits`.
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
            started: Instant::now(),
            limits: limits.clone(),
        }))
    }

    /// What the service finds for `query` of `client`, at the latest [`places_total`](Limits::places_total) from now.
    pub(super) async fn ask(&self, query: &PlacesQuery, client: IpAddr) -> PlacesResult {
        if let Some(refusal) = self.0.service.refusal(query) {
            return Ok(refusal);
        }
        let mut landing = self.board(query, client)?;
        match landing.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(outcome)) => PlacesResult::clone(outcome),
            // A flight that panicked, or that the end of the runtime has cut short.
            _ => Err(PlacesError::Stopping),
        }
    }

    pub(super) fn counters(&self) -> Counters {
        lock(&self.0.counters).clone()
    }

    pub(super) fn budget(&self) -> BudgetState {
        lock(&self.0.budget).state(now())
    }

    pub(super) fn breaker_state(&self) -> &'static str {
        lock(&self.0.breaker).state(self.0.started.elapsed())
    }

    /// Joins an equal question in flight, or begins one.
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
        // Known before its turn comes, since it need not wait for that.
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

/// A flight that equal questions can join. It leaves the list when dropped, also by a panic.
struct Listed {
    shared: Arc<SharedUpstream>,
    query: PlacesQuery,
    /// Who asked it first, and so caused the requests.
    client: IpAddr,
    flight: Arc<Flight>,
}

impl Listed {
    /// Takes the flight off the list if nobody waits for it any more. Whoever asks the same afterwards begins another.
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
    /// One question from its place in the queue to its outcome; `None` when all who asked it have gone before its
    /// turn came. From then on it is asked to the end, since it costs the same and others may still join it.
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

    /// Asks, unless the service is down; how it fares decides whether it is.
    async fn ask_by(&self, deadline: Instant, flight: &Listed) -> PlacesResult {
        let began = Instant::now();
        if !lock(&self.breaker).admits(began - self.started) {
            return Err(PlacesError::Resting(self.limits.places_failures, self.limits.places_pause));
        }
        let outcome = timeout_at(deadline, self.ask_twice(flight)).await;
        let outcome = outcome.unwrap_or(Err(PlacesError::Timeout(self.limits.places_total)));
        let latency = began.elapsed();
        lock(&self.counters).note_latency(latency);
        // A service that had little of the time left, since the question waited for its turn, cannot be judged by it.
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

    /// Asks, and asks once more if that may help.
    async fn ask_twice(&self, flight: &Listed) -> PlacesResult {
        let outcome = self.ask_once(flight, Connection::Pooled).await;
        match retry(&outcome) {
            Retry::Never => return outcome,
            Retry::AtOnce => {}
            Retry::Later => {
                // Jittered, so that nodes that failed together do not come back together.
                let jitter = getrandom::u32().unwrap_or_default() as f64 / f64::from(u32::MAX);
                sleep(self.limits.places_retry.mul_f64(1.0 + jitter)).await;
            }
        }
        match self.ask_once(flight, Connection::Fresh).await {
            // There is no request left to retry with: what failed before says more.
            Err(PlacesError::Limited(_)) => outcome,
            second => second,
        }
    }

    /// Sends one request. What comes of it leaves through the filter, here and nowhere else.
    async fn ask_once(&self, flight: &Listed, connection: Connection) -> PlacesResult {
        lock(&self.budget).take(flight.client, now()).map_err(PlacesError::Limited)?;
        lock(&self.counters).requests += 1;
        let outcome = match &self.service {
            Service::Google(google) => google.ask(&flight.query, connection).await,
            Service::GoogleLegacy(google) => google.ask(&flight.query, connection).await,
        };
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

    /// The answer to a question that it would refuse, which need not be asked.
    fn refusal(&self, query: &PlacesQuery) -> Option<Found> {
        match self {
            Service::Google(google) => google.refusal(query),
            Service::GoogleLegacy(_) => None,
        }
    }
}

/// When to ask once more.
enum Retry {
    Never,
    AtOnce,
    Later,
}

/// Whether asking once more may help: not when Google has said no. A connection that ended without an answer was
/// probably an old one, so nothing need be waited for.
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

/// The time since 1970, by the wall clock.
fn now() -> Duration {
    ambient::now().duration_since(UNIX_EPOCH).unwrap_or_default()
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
