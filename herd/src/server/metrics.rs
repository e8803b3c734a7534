//! A node's status in the words of Prometheus: names and units by its conventions. What each is for is in
//! `docs/src/reference/metrics.md`, which a test compares with this.

mod text;

use prometheus_client::metrics::histogram::Histogram;

use super::status::{Neighbour, Status};
use crate::node::LinkState;
use crate::places::Places;
use text::{Labelled, Metrics};

/// What the text is.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics, as text. `places` says how long clients waited for places.
pub(super) fn text(status: &Status, places: Histogram) -> String {
    let mut metrics = Metrics::default();
    about_node(&mut metrics, status);
    about_clients(&mut metrics, status);
    about_links(&mut metrics, status);
    about_disk(&mut metrics, status);
    about_places(&mut metrics, status, places);
    about_process(&mut metrics, status);
    metrics.text()
}

/// The value of a single label.
fn label<V>(name: &'static str, value: &str, of: V) -> Labelled<1, V> {
    ([(name, value.to_owned())], of)
}

fn about_node(metrics: &mut Metrics, status: &Status) {
    let build = &status.build;
    let labels = [("version", build.version), ("commit", build.commit), ("rustc", build.rustc)];
    let labels = labels.map(|(name, value)| (name, value.to_owned()));
    metrics.gauges("herd_build_info", "What the node was built from", [(labels, 1)]);
    metrics.gauge("herd_ready", "Whether the node can do what it is for", u64::from(status.ready));
    let accepted = status.connections_accepted.iter().map(|(port, count)| label("port", port, *count));
    metrics.counters("herd_connections_accepted", "Connections accepted", accepted);
    let ends = status.certificates.iter().map(|(what, end)| label("connections", what, *end));
    metrics.gauges("herd_certificate_expiry_timestamp_seconds", "When a certificate ends", ends);
}

fn about_clients(metrics: &mut Metrics, status: &Status) {
    metrics.gauge("herd_clients", "Clients whose location is known", status.clients as u64);
    let limit = status.clients_limit as u64;
    metrics.gauge("herd_clients_limit", "Clients whose location may be known", limit);
    let refused = status.new_ids_refused;
    metrics.counter("herd_new_ids_refused", "Reports refused because their client ids were new", refused);
    metrics.gauge("herd_memory_bytes", "Resident memory of the process", status.memory_bytes);
    let limit = status.memory_limit_bytes;
    metrics.gauge("herd_memory_limit_bytes", "Memory beyond which new client ids are refused", limit);
    metrics.gauge("herd_removed_clients", "Clients that were ever removed", status.removed_clients as u64);
    let limit = status.removed_clients_limit as u64;
    metrics.gauge("herd_removed_clients_limit", "Clients that may be removed", limit);
    metrics.gauge("herd_client_connections", "Connections of clients", status.connections as u64);
    let refused = status.connections_refused;
    metrics.counter("herd_client_connections_refused", "Connections of clients beyond the limit", refused);
    let lines = status.lines.by_verb_and_outcome();
    let lines = lines
        .map(|(verb, outcome, count)| ([("verb", verb.to_owned()), ("outcome", outcome.to_owned())], count));
    metrics.counters("herd_client_lines", "Lines of clients by what came of them", lines);
}

fn about_links(metrics: &mut Metrics, status: &Status) {
    metrics.gauge("herd_sequence", "Last sequence of the change log", status.sequence);
    metrics.counter("herd_link_updates_sent", "Updates sent to neighbours", status.links.said);
    let received = [
        ("fresh", status.links.fresh),
        ("stale", status.links.stale),
        ("unacceptable", status.links.unacceptable),
    ];
    let received = received.map(|(outcome, count)| label("outcome", outcome, count));
    metrics.counters("herd_link_updates_received", "Updates received from neighbours", received);
    let refused = status.links_refused;
    metrics.counter(
        "herd_link_connections_refused",
        "Connections on the link port that were no link",
        refused,
    );
    let neighbours = || status.neighbours.iter();
    let seconds = |value: fn(&Neighbour) -> Option<f64>| {
        neighbours().filter_map(move |of| Some(label("neighbour", &of.name, value(of)?)))
    };
    let up = neighbours().map(|of| label("neighbour", &of.name, u64::from(of.linked)));
    metrics.gauges("herd_link_up", "Whether there is a link", up);
    let states = neighbours().map(|of| label("neighbour", &of.name, of.state.name()));
    let all = LinkState::ALL.map(LinkState::name);
    metrics.states("herd_link_state", "Whether there is a link, was one, or never was one", all, states);
    let lag = neighbours().filter_map(|of| Some(label("neighbour", &of.name, of.lag?)));
    metrics.gauges("herd_link_lag_sequences", "Sequences that the neighbour lacks", lag);
    let round_trip = seconds(|neighbour| neighbour.round_trip_seconds);
    metrics.labelled_seconds(
        "herd_link_round_trip_seconds",
        "Time of a heartbeat there and back",
        round_trip,
    );
    let ahead = seconds(|neighbour| neighbour.clock_ahead_seconds);
    let help = "How far the wall clock of the neighbour is ahead";
    metrics.labelled_seconds("herd_link_clock_ahead_seconds", help, ahead);
    let divergences = neighbours().map(|of| label("neighbour", &of.name, of.divergences));
    let help = "How often the two had heard all of each other and knew different things";
    metrics.counters("herd_link_divergences", help, divergences);
}

fn about_disk(metrics: &mut Metrics, status: &Status) {
    let is = |durability| u64::from(status.durability == durability);
    metrics.gauge("herd_durability_degraded", "Whether the disk fails", is("degraded"));
    metrics.gauge("herd_durability_stalled", "Whether the disk does not answer", is("stalled"));
    let waited = status.disk_wait_seconds;
    metrics.seconds("herd_disk_wait_seconds", "How long the disk has been waited for", waited);
    metrics.gauge("herd_journal_size_bytes", "Length of the journal", status.journal_bytes);
    let help = "Lines of the log dropped because it could not be written";
    metrics.counter("herd_log_lines_dropped", help, status.log_lines_dropped);
}

fn about_places(metrics: &mut Metrics, status: &Status, durations: Histogram) {
    let outcomes = status.places_questions.iter().map(|(outcome, count)| label("outcome", outcome, *count));
    metrics.counters("herd_places_questions", "Questions of clients for places", outcomes);
    let help = "How long clients waited for places";
    metrics.histogram("herd_places_duration_seconds", help, durations);
    let help = "Whether the places service is asked (closed), not asked (open) or tried (half-open)";
    let state = [([], status.places_breaker)];
    metrics.states("herd_places_breaker_state", help, Places::BREAKER_STATES, state);
    metrics.counter("herd_places_requests", "Requests to the places service", status.places_requests);
    metrics.counter("herd_places_joined", "Questions that shared a request", status.places_joined);
    let left = status.places_left.iter().map(|(window, left)| label("window", window, *left));
    metrics.gauges("herd_places_requests_left", "Requests to the places service that its limits leave", left);
    let help = "Requests to the places service refused because a limit was reached";
    metrics.counter("herd_places_refused", help, status.places_refused);
}

/// The names that clients of Prometheus use in every language.
fn about_process(metrics: &mut Metrics, status: &Status) {
    let process = &status.process;
    let help = "Time that the process has spent on processors";
    metrics.seconds_counter("process_cpu_seconds", help, process.cpu_seconds);
    let gauges = [
        ("process_resident_memory_bytes", "Resident memory", process.resident_memory_bytes),
        ("process_virtual_memory_bytes", "Virtual memory", process.virtual_memory_bytes),
        ("process_open_fds", "Open file descriptors", process.open_fds),
        ("process_max_fds", "File descriptors that may be open", process.max_fds),
    ];
    for (name, help, value) in gauges {
        metrics.gauge(name, help, value);
    }
    let help = "When the process started, since 1970";
    metrics.seconds("process_start_time_seconds", help, process.start_time_seconds);
}
