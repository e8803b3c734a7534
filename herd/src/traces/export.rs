//! Sends spans to a collector.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use reqwest::Client;
use reqwest::redirect::Policy;
use rustls::RootCertStore;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tracing::warn;

use super::spans::Tracing;
use crate::config::TracesTable;
use crate::places;
use crate::server::TableAccess;

/// The interval at which spans are sent.
const EVERY: Duration = Duration::from_millis(500);

/// The most spans of a request.
const BATCH: usize = 512;

/// How long a request may take, with its retries.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a node that stops sends what is left.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// The interval of warnings about lost spans.
const WARN: Duration = Duration::from_mins(1);

/// Makes the exporter of a node.
///
/// # Errors
/// The endpoint is not a URL.
pub(super) fn exporter(table: &TracesTable, node: &str) -> Result<SpanExporter, String> {
    let endpoint = format!("{}/v1/traces", table.endpoint.trim_end_matches('/'));
    let failed = |error: &dyn std::fmt::Display| format!("cannot send traces to {endpoint}: {error}");
    let roots =
        if endpoint.starts_with("https:") { places::root_certificates() } else { RootCertStore::empty() };
    let tls = places::tls_client(roots).ok_or_else(|| failed(&"cannot set up a TLS client"))?;
    let client = Client::builder().tls_backend_preconfigured(tls).redirect(Policy::none()).no_proxy();
    let client = client.timeout(PATIENCE).build().map_err(|error| failed(&error))?;
    let builder = SpanExporter::builder().with_http().with_http_client(client);
    let builder = builder.with_protocol(Protocol::HttpJson).with_endpoint(&endpoint).with_timeout(PATIENCE);
    let mut exporter = builder.build().map_err(|error| failed(&error))?;
    let resource = Resource::builder_empty().with_service_name("herd");
    let resource = resource.with_attribute(KeyValue::new("service.instance.id", node.to_owned()));
    exporter.set_resource(&resource.build());
    Ok(exporter)
}

/// Sends the spans of a node until it stops.
pub(super) async fn run(
    exporter: SpanExporter,
    tracing: Arc<Tracing>,
    mut waiting: mpsc::Receiver<SpanData>,
    access: TableAccess,
) {
    let closing = access.closing();
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut warned = None;
    loop {
        let closes = closing.run_until_cancelled(ticks.tick()).await.is_none();
        let mut spans = tracing.take_updates(&access);
        while let Ok(span) = waiting.try_recv() {
            spans.push(span);
        }
        if closes {
            let _ = timeout(LAST_WORDS, send(&exporter, &tracing, spans, &mut warned)).await;
            return;
        }
        send(&exporter, &tracing, spans, &mut warned).await;
    }
}

/// Sends spans. Drops and counts those that the collector does not take, and logs their number once
/// a minute; `warned` says when it did that last.
async fn send(
    exporter: &SpanExporter,
    tracing: &Tracing,
    mut spans: Vec<SpanData>,
    warned: &mut Option<Instant>,
) {
    let mut reason = "more updates than can be traced: make `sample` smaller".to_owned();
    while !spans.is_empty() {
        let rest = spans.split_off(spans.len().min(BATCH));
        let sent = spans.len() as u64;
        if let Err(error) = exporter.export(spans).await {
            // The rest would have to wait as long.
            tracing.note_lost(sent + rest.len() as u64);
            reason = error.to_string();
            break;
        }
        spans = rest;
    }
    if warned.is_none_or(|warned| warned.elapsed() >= WARN) {
        let lost = tracing.take_lost();
        if lost > 0 {
            warn!(lost, reason, "spans of traces are lost");
            *warned = Some(Instant::now());
        }
    }
}
