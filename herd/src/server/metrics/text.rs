//! The text format of metrics.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::{Metric, Registry};

use crate::histogram::Distribution;

/// A value with its labels.
pub(super) type Labelled<const L: usize, V> = ([(&'static str, String); L], V);

/// The metrics at one moment.
#[derive(Default)]
pub(super) struct Metrics(Registry);

impl Metrics {
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: u64) {
        let gauge: Gauge = Gauge::default();
        gauge.set(value.cast_signed());
        self.0.register(name, help, gauge);
    }

    /// Adds a gauge with a value for each combination of labels.
    pub(super) fn gauges<const L: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = Labelled<L, u64>>,
    ) {
        self.family(name, help, values, |gauge: &Gauge, value| {
            gauge.set(value.cast_signed());
        });
    }

    pub(super) fn seconds(&mut self, name: &str, help: &str, seconds: f64) {
        let gauge = Gauge::<f64, AtomicU64>::default();
        gauge.set(seconds);
        self.0.register(name, help, gauge);
    }

    /// Adds a gauge in seconds with a value for each combination of labels.
    pub(super) fn labelled_seconds<const L: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = Labelled<L, f64>>,
    ) {
        self.family(name, help, values, |gauge: &Gauge<f64, AtomicU64>, value| {
            gauge.set(value);
        });
    }

    /// Adds a gauge with the value 1 for the current state, and 0 for every other state.
    pub(super) fn states<const L: usize>(
        &mut self,
        name: &str,
        help: &str,
        all: [&'static str; 3],
        values: impl IntoIterator<Item = Labelled<L, &'static str>>,
    ) {
        let values = values.into_iter().flat_map(|(labels, current)| {
            all.map(|state| {
                let labels: Vec<_> = labels.iter().cloned().chain([("state", state.to_owned())]).collect();
                (labels, i64::from(state == current))
            })
        });
        self.family(name, help, values, |gauge: &Gauge, value| {
            gauge.set(value);
        });
    }

    /// Adds a counter. The suffix `_total` is appended to its name.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) {
        let counter: Counter = Counter::default();
        counter.inc_by(value);
        self.0.register(name, help, counter);
    }

    pub(super) fn seconds_counter(&mut self, name: &str, help: &str, seconds: f64) {
        let counter = Counter::<f64, AtomicU64>::default();
        counter.inc_by(seconds);
        self.0.register(name, help, counter);
    }

    /// Adds a counter with a value for each combination of labels.
    pub(super) fn counters<const L: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = Labelled<L, u64>>,
    ) {
        self.family(name, help, values, |counter: &Counter, value| {
            counter.inc_by(value);
        });
    }

    /// Adds a metric for each combination of labels, whose value `set` sets.
    fn family<M: Metric + TypedMetric + Default, V>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (impl Into<Vec<(&'static str, String)>>, V)>,
        set: impl Fn(&M, V),
    ) {
        let family = Family::<Vec<(&str, String)>, M>::default();
        for (labels, value) in values {
            set(&family.get_or_create(&labels.into()), value);
        }
        self.0.register(name, help, family);
    }

    pub(super) fn histogram(&mut self, name: &str, help: &str, distribution: Distribution) {
        self.0.register(name, help, Histogram(distribution.into()));
    }

    /// Adds a histogram for each combination of labels.
    pub(super) fn histograms<const L: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = Labelled<L, Distribution>>,
    ) {
        self.family(name, help, values, |histogram: &Histogram, distribution| {
            // Never set before: each combination of labels occurs once.
            let _ = histogram.0.set(distribution);
        });
    }

    /// The metrics in the format of OpenMetrics.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.0).expect("a string takes any text");
        text
    }
}

/// A histogram of this node, in the library's terms.
#[derive(Debug, Default)]
struct Histogram(OnceLock<Distribution>);

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let Some(distribution) = self.0.get() else { return Ok(()) };
        // The library adds the buckets up, and writes its largest bound as infinite.
        let mut before = 0;
        let buckets = distribution
            .buckets
            .iter()
            .map(|&(bound, count)| (bound.min(f64::MAX), count - std::mem::replace(&mut before, count)));
        let buckets: Vec<_> = buckets.collect();
        let count = distribution.count();
        encoder.encode_histogram::<NoLabelSet>(distribution.sum_seconds, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Histogram::TYPE
    }
}
