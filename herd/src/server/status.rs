//! The state of a node, for operators.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;

use super::backbone_state::BackboneStatus;
use super::build::Build;
use super::durations::StatusDurations;
use super::port::Port;
use super::process::Process;
use super::shared::{Shared, lock};
use super::store::Store;
use crate::histogram::Distribution;
use crate::message::Time;
use crate::node::{ClientCounters, ClockDifference, LinkCounters, LinkState, NeighbourId, Node};
use crate::telemetry::{self, Level};

/// The state of a node at one moment. Counters start at 0 when the node starts.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Status {
    pub(super) name: String,
    pub(super) build: Build,
    pub(super) process: Process,
    pub(super) uptime_seconds: f64,
    /// Whether the node is ready; if not, `reasons` explain why.
    pub(super) ready: bool,
    pub(super) reasons: Vec<String>,
    /// The durability of answered reports: `memory`, `everysec` or `always`; `degraded` while the
    /// disk fails, and `stalled` while it does not respond.
    pub(super) durability: &'static str,
    /// The duration of the oldest disk operation in progress in seconds; 0 if there is none.
    pub(super) disk_wait_seconds: f64,
    pub(super) journal_bytes: u64,
    /// The number of clients with a known location, its limit, and the last sequence of the change
    /// log.
    pub(super) clients: usize,
    pub(super) clients_limit: usize,
    /// The number of reports rejected because their ids were new and a limit was reached.
    pub(super) new_ids_refused: u64,
    /// The resident memory of the process and its limit, in bytes; 0 if unknown.
    pub(super) memory_bytes: u64,
    pub(super) memory_limit_bytes: u64,
    /// The number of clients removed at least once, whether or not they have reported since, and
    /// the number above which this node removes no more.
    pub(super) clients_forgotten: u64,
    /// The time up to which reports are forgotten, in seconds since 1970; 0 if nothing is.
    pub(super) forgotten_until: u64,
    pub(super) removed_clients: usize,
    pub(super) removed_clients_limit: usize,
    pub(super) sequence: u64,
    /// The number of connections accepted, by the name of the port.
    pub(super) connections_accepted: BTreeMap<&'static str, u64>,
    pub(super) connections: usize,
    pub(super) connections_refused: u64,
    /// The number of clients whose TLS handshakes have failed.
    pub(super) handshakes_failed: u64,
    pub(super) lines: ClientCounters,
    /// The number of refused lines, by reason.
    pub(super) lines_refused: BTreeMap<&'static str, u64>,
    pub(super) links: LinkCounters,
    /// The number of rejected connections on the link port, without second connections of a linked
    /// neighbour.
    pub(super) links_refused: u64,
    /// The expiry of certificates, in seconds since 1970, by kind of connection.
    pub(super) certificates: BTreeMap<&'static str, u64>,
    pub(super) neighbours: Vec<Neighbour>,
    pub(super) durations: StatusDurations,
    /// The durations of clients' requests for places, only in metrics.
    #[serde(skip)]
    pub(super) places_durations: Distribution,
    /// The durations of requests to the places service by outcome, only in metrics.
    #[serde(skip)]
    pub(super) places_request_durations: BTreeMap<&'static str, Distribution>,
    /// The number of clients' requests for places, by outcome.
    pub(super) places_questions: BTreeMap<&'static str, u64>,
    pub(super) places_requests: u64,
    pub(super) places_joined: u64,
    /// The number of requests left, by window (`minute`, `day`). A window without a limit is
    /// missing.
    pub(super) places_left: BTreeMap<&'static str, u64>,
    /// The number of requests rejected by a limit.
    pub(super) places_refused: u64,
    pub(super) places_breaker: &'static str,
    /// The number of log lines dropped because the log could not be written, or not fast enough.
    /// The level of the log; `None` if this process has none.
    pub(super) log_level: Option<&'static str>,
    pub(super) log_lines_dropped: u64,
    /// The state of the backbone; `None` if the node is on none.
    pub(super) backbone: Option<BackboneStatus>,
}

/// The state of a neighbour, as the node sees it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Neighbour {
    pub(super) name: String,
    pub(super) linked: bool,
    /// The error of the last dial; `None` while the link is up.
    pub(super) dial_error: Option<String>,
    /// Whether the link is up, was up, or was never up since the node started.
    pub(super) state: LinkState,
    /// The number of sequences that the neighbour lacks: see [`Node::lag`](crate::node::Node::lag).
    /// `None` if the link was never up.
    pub(super) lag: Option<u64>,
    /// The updates on the links with the neighbour.
    #[serde(skip)]
    pub(super) updates: LinkCounters,
    pub(super) updates_sent: u64,
    pub(super) updates_received: u64,
    /// The number of origins whose updates this node, or the neighbour, announces on the link
    /// instead of sending them.
    pub(super) origins_left_out: usize,
    pub(super) origins_left_out_by_neighbour: usize,
    /// The number of requests to the neighbour that brought updates this node lacked.
    pub(super) repairs: u64,
    /// The number of times that the two nodes found that their records differ.
    pub(super) divergences: u64,
    /// The round trip of heartbeats; `None` before the second heartbeat.
    pub(super) round_trip_seconds: Option<f64>,
    /// The round trips of all heartbeats, only in metrics.
    #[serde(skip)]
    pub(super) round_trips: Distribution,
    /// The time by which the neighbour's wall clock is ahead of this node's; `None` before the
    /// second heartbeat.
    pub(super) clock_ahead_seconds: Option<f64>,
    /// Whether that is too much, so that the node is not ready.
    pub(super) clock_differs: bool,
}

/// Whether a node is ready. Load balancers request this often, so it contains nothing that is slow
/// to compute.
pub(super) struct Readiness {
    /// The reasons why the node is not ready; empty if it is.
    pub(super) reasons: Vec<String>,
    durability: &'static str,
    disk_wait: Duration,
}

impl Readiness {
    pub(super) fn of(shared: &Shared) -> Readiness {
        Readiness::of_store(shared, &lock(shared))
    }

    fn of_store(shared: &Shared, store: &Store) -> Readiness {
        let node = &store.node;
        let (mut durability, failure) = store.state();
        let mut reasons: Vec<String> =
            failure.map(|reason| format!("the disk fails: {reason}")).into_iter().collect();
        let (operation, waited) = shared.disk_waits.longest();
        if waited >= shared.limits.disk_patience {
            durability = if failure.is_none() { "stalled" } else { durability };
            reasons
                .push(format!("the disk has not responded for {:.1}s ({operation})", waited.as_secs_f64()));
        }
        if node.neighbours().next().is_some() && !node.neighbours().any(|(id, _)| node.is_linked(id)) {
            reasons.push("no neighbour is linked".to_owned());
        }
        if store.backbone_fails() {
            reasons.push("the backbone stores nothing: answers do not wait for it".to_owned());
        }
        if node.is_full() {
            let clients = node.table().len();
            reasons.push(format!("the table is full with {clients} clients: new client ids are rejected"));
        }
        if shared.memory.is_full() {
            reasons.push("the memory limit is reached: new client ids are rejected".to_owned());
        }
        reasons.extend(node.neighbours().filter_map(|(id, name)| {
            let difference = node.too_large_clock_difference(id)?;
            Some(format!("the clock of {name} is {difference} this node's"))
        }));
        if shared.stop.is_cancelled() {
            reasons.push("the node is stopping".to_owned());
        }
        Readiness { reasons, durability, disk_wait: waited }
    }
}

impl Neighbour {
    fn of(shared: &Shared, node: &Node, id: NeighbourId, name: &str) -> Neighbour {
        let updates = node.counters_of(id);
        Neighbour {
            name: name.to_owned(),
            linked: node.is_linked(id),
            dial_error: shared.dial_errors.of(id).filter(|_| !node.is_linked(id)),
            state: node.link_state(id),
            lag: node.lag(id),
            updates,
            updates_sent: updates.said,
            updates_received: updates.received(),
            origins_left_out: node.origins_left_out(id),
            origins_left_out_by_neighbour: node.origins_left_out_by(id),
            repairs: updates.repairs,
            divergences: node.divergences(id),
            round_trip_seconds: node.round_trip(id).map(|time| time.as_secs_f64()),
            round_trips: shared.durations.round_trips(id),
            clock_ahead_seconds: node.clock_difference(id).map(ClockDifference::as_secs_f64),
            clock_differs: node.too_large_clock_difference(id).is_some(),
        }
    }
}

impl Status {
    pub(super) fn of(shared: &Shared) -> Status {
        let places = shared.places.counters();
        let places_breaker = shared.places.breaker_state();
        let budget = shared.places.budget();
        let places_request_durations = shared.places.request_durations();
        let durations = StatusDurations::of(&shared.durations, &shared.disk_waits, &places_request_durations);
        let process = Process::look();
        let store = lock(shared);
        let node = &store.node;
        let Readiness { reasons, durability, disk_wait } = Readiness::of_store(shared, &store);
        Status {
            name: node.name().to_owned(),
            build: Build::THIS,
            process,
            uptime_seconds: shared.started.elapsed().as_secs_f64(),
            ready: reasons.is_empty(),
            reasons,
            durability,
            disk_wait_seconds: disk_wait.as_secs_f64(),
            journal_bytes: store.journal_bytes(),
            clients: node.table().len(),
            clients_limit: node.limits().distinct_clients,
            new_ids_refused: node.ids_refused(),
            memory_bytes: process.resident_memory_bytes,
            memory_limit_bytes: shared.memory.bound().unwrap_or_default(),
            clients_forgotten: node.table().clients_forgotten(),
            forgotten_until: Time::of_window(node.table().forgotten()).seconds,
            removed_clients: node.table().ever_removed(),
            removed_clients_limit: node.limits().removed_clients,
            sequence: node.table().head(),
            connections_accepted: Port::ALL
                .map(|port| (port.name(), shared.accepted[port as usize].load(Ordering::Relaxed)))
                .into(),
            connections: shared.client_seats.taken(),
            connections_refused: shared.refused.load(Ordering::Relaxed),
            handshakes_failed: shared.handshakes_failed.load(Ordering::Relaxed),
            lines: node.lines(),
            lines_refused: node.refusals().by_reason().collect(),
            links: node.counters(),
            links_refused: shared.links_refused.load(Ordering::Relaxed),
            certificates: shared
                .encryption
                .expiries()
                .map(|(what, end)| (what, end.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()))
                .collect(),
            neighbours: node.neighbours().map(|(id, name)| Neighbour::of(shared, node, id, name)).collect(),
            durations,
            places_durations: shared.places.durations(),
            places_request_durations,
            places_questions: shared.places.outcomes(),
            places_requests: places.requests,
            places_joined: places.joined,
            places_left: budget.left.into_iter().collect(),
            places_refused: budget.refused,
            places_breaker,
            log_level: Level::current().map(Level::name),
            log_lines_dropped: telemetry::dropped_lines(),
            backbone: shared.backbone.get().map(|backbone| backbone.status(node.table())),
        }
    }
}
