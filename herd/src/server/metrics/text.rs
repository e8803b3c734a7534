//! Metrics as text.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The labels of a value, and the value.
pub(super) type Labelled<const L: usize, V> = ([(&'static str, String); L], V);

/// Metrics of one moment.
#[derive(Default)]
pub(super) struct Metrics(Registry);

impl Metrics {
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: u64) {
        let gauge: Gauge = Gauge::default();
        gauge.set(value.cast_signed());
        self.0.register(name, help, gauge);
    }

    /// A gauge for each combination of labels.
    pub(super) fn gauges<const L: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = Labelled<L, u64>>,
    ) {
        let family = Family::<Vec<(&str, String)>, Gauge>::default();
        for (labels, value) in values {
            family.get_or_create(&labels.into()).set(value.cast_signed());
        }
        self.0.register(name, help, family);
    }

    pub(super) fn seconds(&mut self, name: &str, help: &str, seconds: f64) {
        let gauge = Gauge::<f64, AtomicU64>::default();
        gauge.set(seconds);
        self.0.register(name, help, gauge);
    }

    /// A gauge of seconds for each combination of labels.
    pub(super) fn labelled_seconds<const L: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = Labelled<L, f64>>,
    ) {
        let family = Family::<Vec<(&str, String)>, Gauge<f64, AtomicU64>>::default();
        for (labels, value) in values {
            family.get_or_create(&labels.into()).set(value);
        }
        self.0.register(name, help, family);
    }

    /// A gauge that is 1 for the state that something is in, and 0 for all others that it can be in.
    pub(super) fn states<const L: usize>(
        &mut self,
        name: &str,
        help: &str,
        all: [&'static str; 3],
        values: impl IntoIterator<Item = Labelled<L, &'static str>>,
    ) {
        let family = Family::<Vec<(&str, String)>, Gauge>::default();
        for (labels, current) in values {
            for state in all {
                let labels = labels.iter().cloned().chain([("state", state.to_owned())]).collect();
                family.get_or_create(&labels).set(i64::from(state == current));
            }
        }
        self.0.register(name, help, family);
    }

    /// A counter. Its name gets the end `_total`.
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

    /// A counter for each combination of labels.
    pub(super) fn counters<const L: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = Labelled<L, u64>>,
    ) {
        let family = Family::<Vec<(&str, String)>, Counter>::default();
        for (labels, value) in values {
            family.get_or_create(&labels.into()).inc_by(value);
        }
        self.0.register(name, help, family);
    }

    pub(super) fn histogram(&mut self, name: &str, help: &str, histogram: Histogram) {
        self.0.register(name, help, histogram);
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.0).expect("a string takes any text");
        text
    }
}
