//! The spans of a node.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use tokio::sync::mpsc;

use super::context::Context;
use super::export::{self, exporter};
use crate::ambient;
use crate::config::TracesTable;
use crate::message::{At, Time, Trace, TracedShare};
use crate::node::{Sample, Source};
use crate::server::TableAccess;

/// The most spans that wait to be sent.
const QUEUE: usize = 8192;

/// What a node does when an update is news to it, as in [`Trace::span`].
const UPDATE: &str = "update";
/// What a node does when it publishes one.
const PUBLISH: &str = "publish";
/// What a node does when it reads one.
const READ: &str = "read";

/// The traces of a node; none by default.
#[derive(Clone, Debug, Default)]
pub struct Traces {
    on: Option<Arc<Tracing>>,
}

/// What the spans of a node have in common, and where they go.
#[derive(Debug)]
pub(super) struct Tracing {
    node: String,
    share: TracedShare,
    scope: InstrumentationScope,
    waiting: mpsc::Sender<SpanData>,
    /// The number of spans that have been lost and not been logged.
    lost: AtomicU64,
}

/// The spans that something began: one for each traced update that it is about.
#[derive(Debug)]
pub struct Spans {
    begun: Option<(Arc<Tracing>, Vec<SpanData>)>,
}

/// What is particular to a span.
struct Begun {
    name: &'static str,
    kind: SpanKind,
    context: Context,
    /// The span that caused it, and whether that is at another node.
    parent: Option<(u64, bool)>,
    start: SystemTime,
}

impl Traces {
    /// Begins to trace what the node called `node` does, until it stops.
    ///
    /// # Errors
    /// The endpoint is not a URL. A collector that does not answer is no error.
    pub fn begin(table: &TracesTable, node: &str, access: &TableAccess) -> Result<Traces, String> {
        let exporter = exporter(table, node)?;
        let share = TracedShare::new(table.sample);
        let (waiting, spans) = mpsc::channel(QUEUE);
        let scope = InstrumentationScope::builder("herd").with_version(env!("CARGO_PKG_VERSION")).build();
        let (node, lost) = (node.to_owned(), AtomicU64::new(0));
        let tracing = Arc::new(Tracing { node, share, scope, waiting, lost });
        access.change(|node| node.begin_traces(share));
        access.spawn(export::run(exporter, Arc::clone(&tracing), spans, access.clone()));
        Ok(Traces { on: Some(tracing) })
    }

    /// Begins the spans of a message with these lines that is published.
    pub(crate) fn publish(&self, lines: &[u8]) -> Spans {
        self.spans(lines, |tracing, trace, start| Begun {
            name: "publish",
            kind: SpanKind::Producer,
            context: tracing.context(trace, PUBLISH),
            parent: Some((trace.span(UPDATE, tracing.node.as_bytes()), false)),
            start,
        })
    }

    /// Begins the spans of a message with this header and these lines that is read. `publisher` is
    /// the node that published it.
    pub(crate) fn read(&self, header: Option<&str>, publisher: &str, lines: &[u8]) -> Spans {
        let header = header.and_then(|header| header.parse::<Context>().ok());
        self.spans(lines, |tracing, trace, start| {
            // The header is of one trace; the other ones are known to have the same kind of span.
            let said = header.filter(|header| header.trace == trace).map(|header| header.span);
            let parent = said.unwrap_or_else(|| trace.span(PUBLISH, publisher.as_bytes()));
            let context = tracing.context(trace, READ);
            Begun { name: "read", kind: SpanKind::Consumer, context, parent: Some((parent, true)), start }
        })
    }

    fn spans(&self, lines: &[u8], begin: impl Fn(&Tracing, Trace, SystemTime) -> Begun) -> Spans {
        let Some(tracing) = &self.on else { return Spans { begun: None } };
        let start = ambient::now();
        let traced = lines.split(|byte| *byte == b'\n');
        let traced = traced.filter_map(|line| tracing.share.traced(line, start.into()));
        let begun = traced.map(|(trace, report)| tracing.span(begin(tracing, trace, start), &report));
        let begun: Vec<SpanData> = begun.collect();
        Spans { begun: (!begun.is_empty()).then(|| (Arc::clone(tracing), begun)) }
    }
}

impl Spans {
    /// Returns the header for the first of the spans; `None` if there are none.
    pub(crate) fn parent(&self) -> Option<String> {
        let (_, begun) = self.begun.as_ref()?;
        let context = &begun.first()?.span_context;
        let trace = Trace::from_id(u128::from_be_bytes(context.trace_id().to_bytes()))?;
        Some(Context { trace, span: u64::from_be_bytes(context.span_id().to_bytes()) }.to_string())
    }

    /// Ends the spans, and lets them be sent. Without this, they are forgotten.
    pub(crate) fn end(self) {
        let Some((tracing, begun)) = self.begun else { return };
        let now = ambient::now();
        for span in begun {
            let sent = tracing.waiting.try_send(SpanData { end_time: now, ..span });
            tracing.note_lost(u64::from(sent.is_err()));
        }
    }
}

impl Tracing {
    fn context(&self, trace: Trace, what: &str) -> Context {
        Context { trace, span: trace.span(what, self.node.as_bytes()) }
    }

    /// Makes a span that ends when it starts.
    fn span(&self, begun: Begun, report: &At<'_>) -> SpanData {
        let Begun { name, kind, context: Context { trace, span }, parent, start } = begun;
        let (parent, is_remote) = parent.unwrap_or_default();
        let trace = TraceId::from_bytes(trace.id().to_be_bytes());
        let span = SpanId::from_bytes(span.to_be_bytes());
        // The location stays in the herd.
        let client = report.iamat.client.as_bytes().escape_ascii().to_string();
        SpanData {
            span_context: SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::default()),
            parent_span_id: SpanId::from_bytes(parent.to_be_bytes()),
            parent_span_is_remote: is_remote,
            span_kind: kind,
            name: name.into(),
            start_time: start,
            end_time: start,
            attributes: vec![KeyValue::new("herd.client", client)],
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: self.scope.clone(),
        }
    }

    /// The spans of the updates that have been news to this node since the last call.
    pub(super) fn take_updates(&self, access: &TableAccess) -> Vec<SpanData> {
        let (updates, left_out) = access.change(|node| {
            let (samples, left_out) = node.take_traced();
            let sender = |sample: &Sample| sample.sender(node).map(str::to_owned);
            let samples = samples.into_iter().map(|sample| (sender(&sample), sample));
            (samples.collect::<Vec<_>>(), left_out)
        });
        self.note_lost(left_out);
        updates.iter().filter_map(|(sender, sample)| self.update(sender.as_deref(), sample)).collect()
    }

    /// The span of an update that was news to this node.
    fn update(&self, sender: Option<&str>, sample: &Sample) -> Option<SpanData> {
        let at = sample.at?;
        let (trace, report) = self.share.traced(&sample.line, at)?;
        let parent = match sample.source {
            Source::Client => None,
            Source::Backbone => Some((trace.span(READ, self.node.as_bytes()), false)),
            Source::Neighbour(..) => Some((trace.span(UPDATE, sender?.as_bytes()), true)),
            // Nobody looks at what a journal replays.
            Source::Journal => return None,
        };
        let (name, kind) =
            if parent.is_none() { ("iamat", SpanKind::Server) } else { ("apply", SpanKind::Consumer) };
        let (context, start) = (self.context(trace, UPDATE), system_time(at));
        Some(self.span(Begun { name, kind, context, parent, start }, &report))
    }

    /// Counts lost spans.
    pub(super) fn note_lost(&self, lost: u64) {
        self.lost.fetch_add(lost, Ordering::Relaxed);
    }

    /// Takes the number of spans that have been lost and not been logged.
    pub(super) fn take_lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }
}

fn system_time(time: Time) -> SystemTime {
    let since = Duration::new(time.seconds, time.nanoseconds);
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}
