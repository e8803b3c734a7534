//! The figures of a load's result.

use std::fmt;

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::LoadOutcome;

/// The figures of a load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The number of answers, those to WHATSATs included.
    pub answers: u64,
    /// The number of wrong answers.
    pub wrong: u64,
    /// The seconds from the first command to the last answer.
    pub seconds: f64,
    /// The answers a second.
    pub per_second: f64,
    /// The share of one core that the generator used.
    #[serde(rename = "own_cpu_fraction")]
    pub own_cpu: f64,
    /// The latencies of the answers to reports.
    pub latency: Latency,
    /// The answers to WHATSATs; `None` if there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whatsats: Option<QuestionSummary>,
    /// The client that each connection reported last.
    pub last_clients: Vec<u64>,
}

/// The figures of the WHATSATs of a load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuestionSummary {
    /// The number of answers.
    pub answers: u64,
    /// The number of answers with an error instead of places.
    pub without_places: u64,
    /// The latencies of the answers.
    pub latency: Latency,
}

/// Latencies in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The median.
    #[serde(rename = "p50_us")]
    pub p50: f64,
    /// The 90th percentile.
    #[serde(rename = "p90_us")]
    pub p90: f64,
    /// The 99th percentile.
    #[serde(rename = "p99_us")]
    pub p99: f64,
    /// The 99.9th percentile.
    #[serde(rename = "p999_us")]
    pub p999: f64,
    /// The longest latency.
    #[serde(rename = "max_us")]
    pub max: f64,
    /// The distribution, from the shortest to the longest.
    pub distribution: Vec<Quantile>,
}

/// A point of a distribution of latencies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantile {
    /// The share of latencies that are at most `latency`.
    pub fraction: f64,
    /// The latency in microseconds.
    #[serde(rename = "latency_us")]
    pub latency: f64,
}

impl Latency {
    /// Computes the figures of latencies in nanoseconds.
    pub fn of(latencies: &Histogram<u64>) -> Latency {
        let at = |quantile: f64| latencies.value_at_quantile(quantile) as f64 / 1e3;
        let steps = [0.001, 0.01, 0.05].into_iter().chain((1..10).map(|tenth| f64::from(tenth) / 10.0));
        let steps = steps.chain([0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9999, 1.0]);
        Latency {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: latencies.max() as f64 / 1e3,
            distribution: steps.map(|fraction| Quantile { fraction, latency: at(fraction) }).collect(),
        }
    }

    /// The latency, in microseconds, that a share of the latencies do not exceed: one of the shares
    /// of the distribution.
    pub fn at(&self, fraction: f64) -> Option<f64> {
        self.distribution.iter().find(|point| point.fraction == fraction).map(|point| point.latency)
    }

    /// The distribution as pairs of a latency and the share of latencies that are at most that.
    pub fn points(&self) -> Vec<(f64, f64)> {
        self.distribution.iter().map(|point| (point.latency, point.fraction)).collect()
    }
}

impl Summary {
    /// Checks that every answer was right.
    ///
    /// # Errors
    /// Some answers were wrong. The message has their number.
    pub fn ensure_all_right(&self) -> Result<()> {
        let Summary { wrong, answers, .. } = self;
        ensure!(*wrong == 0, "{wrong} of {answers} answers were wrong: the reports were rejected");
        Ok(())
    }

    /// Computes the figures of a load's result.
    pub fn of(outcome: &LoadOutcome) -> Summary {
        let questions = outcome.question_latencies.len();
        let (answers, seconds) = (outcome.latencies.len() + questions, outcome.elapsed.as_secs_f64());
        let whatsats = QuestionSummary {
            answers: questions,
            without_places: outcome.without_places,
            latency: Latency::of(&outcome.question_latencies),
        };
        Summary {
            answers,
            wrong: outcome.wrong,
            seconds,
            per_second: answers as f64 / seconds,
            own_cpu: outcome.own_cpu,
            latency: Latency::of(&outcome.latencies),
            whatsats: Some(whatsats).filter(|whatsats| whatsats.answers > 0),
            last_clients: outcome.last_clients.clone(),
        }
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Latency { p50, p90, p99, p999, max, .. } = self;
        write!(f, "p50 {p50:.0} us, p90 {p90:.0}, p99 {p99:.0}, p99.9 {p999:.0}, longest {max:.0}")
    }
}
