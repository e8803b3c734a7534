//! The state of a node, for operators.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;

use super::build::Build;
use super::port::Port;
use super::process::Process;
use super::shared::{Shared, lock};
use super::store::Store;
use crate::node::{ClientCounters, ClockDifference, LinkCounters, LinkState, NeighbourId, Node};
use crate::telemetry;

/// A moment of a node. Counts are since its start.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Status {
    pub(super) name: String,
    pub(super) build: Build,
    pub(super) process: Process,
    pub(super) uptime_seconds: f64,
    /// Whether it can do what it is for; if not, `reasons` say why.
    pub(super) ready: bool,
    pub(super) reasons: Vec<String>,
    /// When what is answered is on disk: `memory`, `everysec`, `always`; or `degraded` while the disk fails, and `stalled`
    /// while it does not answer.
    pub(super) durability: &'static str,
    /// How long the disk has been waited for; 0 if it is not.
    pub(super) disk_wait_seconds: f64,
    pub(super) journal_bytes: u64,
    /// Clients whose location is known, how many there may be, and the last sequence of the change log.
    pub(super) clients: usize,
    pub(super) clients_limit: usize,
    /// Reports refused because their ids were new, and there was no room or too many came at once.
    pub(super) new_ids_refused: u64,
    /// Memory that the process has resident, and how much it may have; 0 where that is not known.
    pub(super) memory_bytes: u64,
    pub(super) memory_limit_bytes: u64,
    /// Clients that were removed, whether they have reported again or not, and up to how many this node removes more.
    pub(super) removed_clients: usize,
    pub(super) removed_clients_limit: usize,
    pub(super) sequence: u64,
    /// Connections accepted, by port: `client`, `link`, `admin`.
    pub(super) connections_accepted: BTreeMap<&'static str, u64>,
    pub(super) connections: usize,
    pub(super) connections_refused: u64,
    pub(super) lines: ClientCounters,
    pub(super) links: LinkCounters,
    /// Connections on the link port that did not become links, and were not of a neighbour that has another one.
    pub(super) links_refused: u64,
    /// When certificates end, in seconds since 1970, by whom they are for.
    pub(super) certificates: BTreeMap<&'static str, u64>,
    pub(super) neighbours: Vec<Neighbour>,
    /// Questions of clients for places, by what they came to.
    pub(super) places_questions: BTreeMap<&'static str, u64>,
    pub(super) places_requests: u64,
    pub(super) places_joined: u64,
    /// Requests that may still be sent, by window (`minute`, `day`); none for a window without a limit.
    pub(super) places_left: BTreeMap<&'static str, u64>,
    /// Requests refused because a limit was reached.
    pub(super) places_refused: u64,
    pub(super) places_breaker: &'static str,
    /// Lines of the log that were dropped because it could not be written, or not fast enough.
    pub(super) log_lines_dropped: u64,
}

/// A neighbour, as the node sees it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Neighbour {
    pub(super) name: String,
    pub(super) linked: bool,
    /// Why the last dial failed; none while there is a link.
    pub(super) dial_error: Option<String>,
    /// Whether there is a link, was one, or never was one since the node started.
    pub(super) state: LinkState,
    /// Sequences that it lacks: see [`Node::lag`](crate::node::Node::lag). None if there never was a link.
    pub(super) lag: Option<u64>,
    /// How often the two have found that they knew different things.
    pub(super) divergences: u64,
    /// How long heartbeats take, there and back; none before the second has come.
    pub(super) round_trip_seconds: Option<f64>,
    /// How far its wall clock is ahead of this node's; none before the second heartbeat has come.
    pub(super) clock_ahead_seconds: Option<f64>,
}

/// Whether a node can do what it is for. Load balancers ask for this often, so it leaves out what costs time to find.
pub(super) struct Readiness {
    /// Why it cannot; none if it can.
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
            reasons.push(format!("the disk has not answered for {:.1}s ({operation})", waited.as_secs_f64()));
        }
        if node.neighbours().next().is_some() && !node.neighbours().any(|(id, _)| node.is_linked(id)) {
            reasons.push("no neighbour is linked".to_owned());
        }
        if node.is_full() {
            let clients = node.table().len();
            reasons.push(format!("the table of clients is full with {clients}: new ids are refused"));
        }
        if shared.memory.is_full() {
            reasons.push("the memory of the process is full: new ids are refused".to_owned());
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
        Neighbour {
            name: name.to_owned(),
            linked: node.is_linked(id),
            dial_error: shared.dial_errors.of(id).filter(|_| !node.is_linked(id)),
            state: node.link_state(id),
            lag: node.lag(id),
            divergences: node.divergences(id),
            round_trip_seconds: node.round_trip(id).map(|time| time.as_secs_f64()),
            clock_ahead_seconds: node.clock_difference(id).map(ClockDifference::as_secs_f64),
        }
    }
}

impl Status {
    pub(super) fn of(shared: &Shared) -> Status {
        let places = shared.places.counters();
        let places_breaker = shared.places.breaker_state();
        let budget = shared.places.budget();
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
            removed_clients: node.table().ever_removed(),
            removed_clients_limit: node.limits().removed_clients,
            sequence: node.table().head(),
            connections_accepted: Port::ALL
                .map(|port| (port.name(), shared.accepted[port as usize].load(Ordering::Relaxed)))
                .into(),
            connections: shared.client_seats.taken(),
            connections_refused: shared.refused.load(Ordering::Relaxed),
            lines: node.lines(),
            links: node.counters(),
            links_refused: shared.links_refused.load(Ordering::Relaxed),
            certificates: shared
                .encryption
                .expiries()
                .map(|(what, end)| (what, end.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()))
                .collect(),
            neighbours: node.neighbours().map(|(id, name)| Neighbour::of(shared, node, id, name)).collect(),
            places_questions: shared.places.outcomes(),
            places_requests: places.requests,
            places_joined: places.joined,
            places_left: budget.left.into_iter().collect(),
            places_refused: budget.refused,
            places_breaker,
            log_lines_dropped: telemetry::dropped_lines(),
        }
    }
}
