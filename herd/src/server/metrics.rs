//! The metrics of a node, with names and units by the conventions of Prometheus.
//! `docs/src/reference/metrics.md` explains each; a test compares it with this file.

mod format;
mod text;

pub(super) use format::Format;

use super::durations::{AnswerCounts, StatusDurations};
use super::status::{Neighbour, Status};
use crate::node::{LinkCounters, LinkState};
use crate::places::Places;
use text::{Labelled, Metrics};

/// All metrics, as text in a format.
pub(super) fn text(status: &Status, format: Format) -> String {
    let mut metrics = Metrics::default();
    about_node(&mut metrics, status);
    about_clients(&mut metrics, status);
    about_links(&mut metrics, status);
    about_backbone(&mut metrics, status);
    about_disk(&mut metrics, status);
    about_places(&mut metrics, status);
    about_process(&mut metrics, status);
    match format {
        Format::OpenMetrics => metrics.text(),
        Format::Classic => format::classic(&metrics.text()),
    }
}

/// A value with a single label.
fn label<V>(name: &'static str, value: &str, of: V) -> Labelled<1, V> {
    ([(name, value.to_owned())], of)
}

fn about_node(metrics: &mut Metrics, status: &Status) {
    let build = &status.build;
    let labels = [("version", build.version), ("commit", build.commit), ("rustc", build.rustc)];
    let labels = labels.map(|(name, value)| (name, value.to_owned()));
    metrics.gauges("herd_build_info", "What the node was built from", [(labels, 1)]);
    metrics.gauge("herd_ready", "Whether the node is ready (see /readyz)", u64::from(status.ready));
    let accepted = status.connections_accepted.iter().map(|(port, count)| label("port", port, *count));
    metrics.counters("herd_connections_accepted", "Connections accepted", accepted);
    let ends = status.certificates.iter().map(|(what, end)| label("connections", what, *end));
    metrics.gauges("herd_certificate_expiry_timestamp_seconds", "Expiry of a certificate, since 1970", ends);
}

fn about_clients(metrics: &mut Metrics, status: &Status) {
    metrics.gauge("herd_clients", "Clients with a known location", status.clients as u64);
    let limit = status.clients_limit as u64;
    metrics.gauge("herd_clients_limit", "Most clients with a known location", limit);
    let refused = status.new_ids_refused;
    metrics.counter("herd_new_ids_refused", "Reports rejected because their client ids were new", refused);
    metrics.gauge("herd_memory_bytes", "Resident memory of the process", status.memory_bytes);
    let limit = status.memory_limit_bytes;
    metrics.gauge("herd_memory_limit_bytes", "Memory above which new client ids are rejected", limit);
    let forgotten = status.clients_forgotten;
    metrics.counter("herd_clients_forgotten", "Clients forgotten because they did not report", forgotten);
    let until = status.forgotten_until;
    metrics.gauge("herd_forgotten_timestamp_seconds", "Reports up to this time are forgotten", until);
    metrics.gauge("herd_removed_clients", "Clients removed at least once", status.removed_clients as u64);
    let limit = status.removed_clients_limit as u64;
    metrics.gauge("herd_removed_clients_limit", "Most clients that can be removed", limit);
    metrics.gauge("herd_client_connections", "Open client connections", status.connections as u64);
    let refused = status.connections_refused;
    metrics.counter("herd_client_connections_refused", "Client connections rejected at the limit", refused);
    let failed = status.handshakes_failed;
    metrics.counter("herd_client_handshakes_failed", "TLS handshakes of clients that failed", failed);
    let lines = status.lines.by_verb_and_outcome();
    let lines = lines
        .map(|(verb, outcome, count)| ([("verb", verb.to_owned()), ("outcome", outcome.to_owned())], count));
    metrics.counters("herd_client_lines", "Lines of clients by outcome", lines);
    let refused = status.lines_refused.iter().map(|(reason, count)| label("reason", reason, *count));
    let help = "Lines of clients that were answered with a question mark, by reason";
    metrics.counters("herd_client_lines_refused", help, refused);
    let durations = &status.durations;
    let answers = [&durations.answer_iamat, &durations.answer_whatsat, &durations.answer_invalid];
    let answers = AnswerCounts::NAMES.into_iter().zip(answers);
    let answers = answers.map(|(verb, of)| label("verb", verb, of.clone()));
    let help = "Time from the read of a client's line until its answer can be sent";
    metrics.histograms("herd_answer_duration_seconds", help, answers);
}

fn about_links(metrics: &mut Metrics, status: &Status) {
    metrics.gauge("herd_sequence", "Last sequence of the change log", status.sequence);
    let refused = status.links_refused;
    metrics.counter("herd_link_connections_refused", "Rejected connections on the link port", refused);
    let neighbours = || status.neighbours.iter();
    let sent = neighbours().map(|of| label("neighbour", &of.name, of.updates.said));
    metrics.counters("herd_link_updates_sent", "Updates sent to a neighbour", sent);
    let bytes = neighbours().map(|of| label("neighbour", &of.name, of.updates.said_bytes));
    metrics.counters("herd_link_sent_bytes", "Bytes sent to a neighbour", bytes);
    let bytes = neighbours().map(|of| label("neighbour", &of.name, of.updates.announcement_bytes));
    let help = "Bytes sent to a neighbour about updates that are left out";
    metrics.counters("herd_link_announcement_bytes", help, bytes);
    let received = neighbours().flat_map(|of| {
        let LinkCounters { fresh, stale, unacceptable, .. } = of.updates;
        let outcomes = [("fresh", fresh), ("stale", stale), ("unacceptable", unacceptable)];
        outcomes.map(|(outcome, count)| {
            ([("neighbour", of.name.clone()), ("outcome", outcome.to_owned())], count)
        })
    });
    metrics.counters("herd_link_updates_received", "Updates received from a neighbour", received);
    let pruned = neighbours().flat_map(|of| {
        let sides = [("neighbour", of.origins_left_out_by_neighbour), ("this", of.origins_left_out)];
        sides.map(|(by, count)| ([("neighbour", of.name.clone()), ("by", by.to_owned())], count as u64))
    });
    let help = "Origins whose updates a side of a link announces instead of sending";
    metrics.gauges("herd_link_origins_left_out", help, pruned);
    let repairs = neighbours().map(|of| label("neighbour", &of.name, of.updates.repairs));
    metrics.counters("herd_link_repairs", "Requests that brought missing updates", repairs);
    let seconds = |value: fn(&Neighbour) -> Option<f64>| {
        neighbours().filter_map(move |of| Some(label("neighbour", &of.name, value(of)?)))
    };
    let up = neighbours().map(|of| label("neighbour", &of.name, u64::from(of.linked)));
    metrics.gauges("herd_link_up", "Whether the link is up", up);
    let states = neighbours().map(|of| label("neighbour", &of.name, of.state.name()));
    let all = LinkState::ALL.map(LinkState::name);
    metrics.states("herd_link_state", "Whether the link is up, was up, or was never up", all, states);
    let lag = neighbours().filter_map(|of| Some(label("neighbour", &of.name, of.lag?)));
    metrics.gauges("herd_link_lag_sequences", "Sequences that the neighbour lacks", lag);
    let round_trip = seconds(|neighbour| neighbour.round_trip_seconds);
    metrics.labelled_seconds("herd_link_round_trip_seconds", "Round trip of a heartbeat", round_trip);
    let round_trips = neighbours().map(|of| label("neighbour", &of.name, of.round_trips.clone()));
    let help = "Round trip of heartbeats";
    metrics.histograms("herd_link_heartbeat_duration_seconds", help, round_trips);
    let help = "Age of an update that arrives and is new, since its node of origin received it";
    metrics.histogram("herd_link_update_age_seconds", help, status.durations.update_age.clone());
    let ahead = seconds(|neighbour| neighbour.clock_ahead_seconds);
    let help = "Seconds by which the neighbour's wall clock is ahead";
    metrics.labelled_seconds("herd_link_clock_ahead_seconds", help, ahead);
    let divergences = neighbours().map(|of| label("neighbour", &of.name, of.divergences));
    let help = "Times that records differed although both change logs were read to the end";
    metrics.counters("herd_link_divergences", help, divergences);
}

/// A node that is on no backbone has none of these.
fn about_backbone(metrics: &mut Metrics, status: &Status) {
    let backbone = || status.backbone.iter();
    let up = backbone().map(|of| label("region", &of.region, u64::from(of.connected)));
    metrics.gauges("herd_backbone_up", "Whether the backbone stores what this node publishes", up);
    let lag = backbone().map(|of| label("region", &of.region, of.lag_seconds));
    let help = "Time for which the oldest update that is not stored by the backbone has waited";
    metrics.labelled_seconds("herd_backbone_lag_seconds", help, lag);
    let messages = backbone().flat_map(|of| {
        let counts =
            [("published", of.messages_published), ("read", of.messages_read), ("lost", of.messages_lost)];
        counts.map(|(outcome, count)| label("outcome", outcome, count))
    });
    metrics.counters("herd_backbone_messages", "Messages of the backbone by outcome", messages);
    let bytes = backbone().map(|of| label("region", &of.region, of.bytes_published));
    metrics.counters("herd_backbone_published_bytes", "Bytes published to the backbone", bytes);
    let updates = backbone().flat_map(|of| {
        let counts = [
            ("fresh", of.updates_fresh),
            ("stale", of.updates_stale),
            ("unacceptable", of.updates_unacceptable),
        ];
        counts.map(|(outcome, count)| label("outcome", outcome, count))
    });
    metrics.counters("herd_backbone_updates_read", "Updates of other regions by outcome", updates);
    let unread = backbone().map(|of| label("region", &of.region, of.messages_unread));
    metrics.gauges("herd_backbone_unread_messages", "Messages that this node has yet to read", unread);
    let differences = backbone().map(|of| label("region", &of.region, of.differences));
    let help = "Buckets of clients in which other regions differed, and which were published again";
    metrics.counters("herd_backbone_differences", help, differences);
    let elsewhere = backbone().map(|of| label("holds", &of.holds, of.records_elsewhere as u64));
    let help = "Records of clients whose shards other nodes hold";
    metrics.gauges("herd_records_elsewhere", help, elsewhere);
    let lookups = backbone().flat_map(|of| &of.lookups);
    let lookups = lookups.map(|(outcome, count)| label("outcome", outcome, *count));
    metrics.counters("herd_backbone_lookups", "Questions about clients of other shards", lookups);
}

fn about_disk(metrics: &mut Metrics, status: &Status) {
    let is = |durability| u64::from(status.durability == durability);
    metrics.gauge("herd_durability_degraded", "Whether writes to the disk fail", is("degraded"));
    metrics.gauge("herd_durability_stalled", "Whether the disk does not respond", is("stalled"));
    let waited = status.disk_wait_seconds;
    metrics.seconds("herd_disk_wait_seconds", "Duration of the oldest disk operation in progress", waited);
    metrics.gauge("herd_journal_size_bytes", "Size of the journal", status.journal_bytes);
    let StatusDurations { journal_write, journal_sync, .. } = &status.durations;
    let help = "Duration of a write to the journal";
    metrics.histogram("herd_journal_write_duration_seconds", help, journal_write.clone());
    let help = "Duration of an fsync of the journal";
    metrics.histogram("herd_journal_sync_duration_seconds", help, journal_sync.clone());
    let help = "Log lines dropped because the log could not be written";
    metrics.counter("herd_log_lines_dropped", help, status.log_lines_dropped);
}

fn about_places(metrics: &mut Metrics, status: &Status) {
    let outcomes = status.places_questions.iter().map(|(outcome, count)| label("outcome", outcome, *count));
    metrics.counters("herd_places_questions", "Clients' requests for places by outcome", outcomes);
    let help = "Time to answer a client's request for places";
    metrics.histogram("herd_places_duration_seconds", help, status.places_durations.clone());
    let requests = status.places_request_durations.iter();
    let requests = requests.map(|(outcome, of)| label("outcome", outcome, of.clone()));
    let help = "Duration of a request to the places service";
    metrics.histograms("herd_places_request_duration_seconds", help, requests);
    let help = "State of the circuit breaker of the places service";
    let state = [([], status.places_breaker)];
    metrics.states("herd_places_breaker_state", help, Places::BREAKER_STATES, state);
    metrics.counter("herd_places_requests", "Requests sent to the places service", status.places_requests);
    metrics.counter(
        "herd_places_joined",
        "Clients' requests that shared a request to the places service",
        status.places_joined,
    );
    let left = status.places_left.iter().map(|(window, left)| label("window", window, *left));
    metrics.gauges("herd_places_requests_left", "Requests to the places service left in a window", left);
    let help = "Requests to the places service rejected by a limit";
    metrics.counter("herd_places_refused", help, status.places_refused);
}

/// The metrics of the process, with the names of Prometheus's client libraries.
fn about_process(metrics: &mut Metrics, status: &Status) {
    let process = &status.process;
    let help = "CPU time of the process";
    metrics.seconds_counter("process_cpu_seconds", help, process.cpu_seconds);
    let gauges = [
        ("process_resident_memory_bytes", "Resident memory", process.resident_memory_bytes),
        ("process_virtual_memory_bytes", "Virtual memory", process.virtual_memory_bytes),
        ("process_open_fds", "Open file descriptors", process.open_fds),
        ("process_max_fds", "Most open file descriptors", process.max_fds),
    ];
    for (name, help, value) in gauges {
        metrics.gauge(name, help, value);
    }
    let help = "Start of the process, since 1970";
    metrics.seconds("process_start_time_seconds", help, process.start_time_seconds);
}
