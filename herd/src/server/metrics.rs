//! A node's status in the words of Prometheus: names and units by its conventions.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::status::{Neighbour, Status};

/// What the text is.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics, as text.
pub(super) fn text(status: &Status) -> String {
    let mut metrics = Metrics(Registry::with_prefix("herd"));
    metrics.gauge("ready", "Whether the node can do what it is for", u64::from(status.ready));
    metrics.gauge("clients", "Clients whose location is known", status.clients as u64);
    metrics.gauge("clients_limit", "Clients whose location may be known", status.clients_limit as u64);
    metrics.counter(
        "new_ids_refused",
        "Reports refused because their client ids were new",
        status.new_ids_refused,
    );
    metrics.gauge("memory_bytes", "Resident memory of the process", status.memory_bytes);
    metrics.gauge(
        "memory_limit_bytes",
        "Memory beyond which new client ids are refused",
        status.memory_limit_bytes,
    );
    metrics.gauge("removed_clients", "Clients that were ever removed", status.removed_clients as u64);
    let limit = status.removed_clients_limit as u64;
    metrics.gauge("removed_clients_limit", "Clients that may be removed", limit);
    metrics.gauge("sequence", "Last sequence of the change log", status.sequence);
    metrics.gauge("client_connections", "Connections of clients", status.connections as u64);
    metrics.counter("client_connections_refused", "Connections beyond the limit", status.connections_refused);
    metrics.counters(
        "client_lines",
        "Lines of clients by what came of them",
        [
            ([("verb", "IAMAT"), ("outcome", "fresh")], status.lines.reports_fresh),
            ([("verb", "IAMAT"), ("outcome", "stale")], status.lines.reports_stale),
            ([("verb", "WHATSAT"), ("outcome", "answered")], status.lines.questions),
            ([("verb", "other"), ("outcome", "invalid")], status.lines.invalid),
        ],
    );
    metrics.counter("link_updates_sent", "Updates said to neighbours", status.links.said);
    metrics.counters(
        "link_updates_received",
        "Updates heard from neighbours by what came of them",
        [
            ([("outcome", "fresh")], status.links.fresh),
            ([("outcome", "stale")], status.links.stale),
            ([("outcome", "unacceptable")], status.links.unacceptable),
        ],
    );
    let neighbours = &status.neighbours;
    metrics.gauges("link_up", "Whether there is a link", neighbours, |neighbour| u64::from(neighbour.linked));
    metrics.gauges("link_lag_sequences", "Sequences not yet said", neighbours, |neighbour| neighbour.lag);
    metrics.seconds_of_neighbours(
        "link_round_trip_seconds",
        "How long the latest heartbeats took, there and back",
        neighbours,
        |neighbour| neighbour.round_trip_seconds,
    );
    metrics.seconds_of_neighbours(
        "link_clock_ahead_seconds",
        "How far the wall clock of a neighbour is ahead",
        neighbours,
        |neighbour| neighbour.clock_ahead_seconds,
    );
    metrics.counter(
        "link_connections_refused",
        "Connections on the link port that were no link",
        status.links_refused,
    );
    metrics.labelled(
        "certificate_expiry_timestamp_seconds",
        "When a certificate ends, by whom it is for",
        "connections",
        status.certificates.iter().map(|(what, end)| ((*what).to_owned(), *end)),
    );
    let degraded = u64::from(status.durability == "degraded");
    metrics.gauge("durability_degraded", "Whether the disk fails", degraded);
    let stalled = u64::from(status.durability == "stalled");
    metrics.gauge("durability_stalled", "Whether the disk does not answer", stalled);
    metrics.seconds("disk_wait_seconds", "How long the disk has been waited for", status.disk_wait_seconds);
    metrics.gauge("journal_size_bytes", "Length of the journal", status.journal_bytes);
    metrics.counter("places_requests", "Requests to the Places service", status.places_requests);
    metrics.counter("places_joined", "Questions that shared a request", status.places_joined);
    metrics.labelled(
        "places_requests_left",
        "Requests to the Places service that its limits leave",
        "window",
        status.places_left.iter().map(|(window, left)| ((*window).to_owned(), *left)),
    );
    metrics.counter(
        "places_refused",
        "Requests to the Places service refused because a limit was reached",
        status.places_refused,
    );
    metrics.counter(
        "log_lines_dropped",
        "Lines of the log dropped because it could not be written",
        status.log_lines_dropped,
    );
    metrics.text()
}

struct Metrics(Registry);

impl Metrics {
    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        let gauge: Gauge = Gauge::default();
        gauge.set(value.cast_signed());
        self.0.register(name, help, gauge);
    }

    fn seconds(&mut self, name: &str, help: &str, value: f64) {
        let gauge = Gauge::<f64, AtomicU64>::default();
        gauge.set(value);
        self.0.register(name, help, gauge);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        let counter: Counter = Counter::default();
        counter.inc_by(value);
        self.0.register(name, help, counter);
    }

    /// A counter with labels.
    fn counters<const L: usize, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: [([(&'static str, &'static str); L], u64); N],
    ) {
        let family = Family::<Vec<(&str, &str)>, Counter>::default();
        for (labels, value) in values {
            family.get_or_create(&labels.to_vec()).inc_by(value);
        }
        self.0.register(name, help, family);
    }

    /// A gauge of each neighbour.
    fn gauges(
        &mut self,
        name: &str,
        help: &str,
        neighbours: &[Neighbour],
        value: impl Fn(&Neighbour) -> u64,
    ) {
        let values = neighbours.iter().map(|neighbour| (neighbour.name.clone(), value(neighbour)));
        self.labelled(name, help, "neighbour", values);
    }

    /// A gauge of each neighbour that has a value.
    fn seconds_of_neighbours(
        &mut self,
        name: &str,
        help: &str,
        neighbours: &[Neighbour],
        value: impl Fn(&Neighbour) -> Option<f64>,
    ) {
        let family = Family::<Vec<(&str, String)>, Gauge<f64, AtomicU64>>::default();
        for neighbour in neighbours {
            if let Some(seconds) = value(neighbour) {
                family.get_or_create(&vec![("neighbour", neighbour.name.clone())]).set(seconds);
            }
        }
        self.0.register(name, help, family);
    }

    /// A gauge with a label.
    fn labelled(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl Iterator<Item = (String, u64)>,
    ) {
        let family = Family::<Vec<(&str, String)>, Gauge>::default();
        for (labelled, value) in values {
            family.get_or_create(&vec![(label, labelled)]).set(value.cast_signed());
        }
        self.0.register(name, help, family);
    }

    fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.0).expect("a string takes any text");
        text
    }
}
