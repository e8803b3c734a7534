//! What a herd looks like at one moment, from what its nodes and its harness say.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::durations::Durations;
use super::harness::{HarnessState, LessonProgress, Life};
use super::watched_herd::{WatchedHerd, WatchedNode};

/// What nodes and harness say at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    /// When the dashboard looked: the time since its start.
    pub(super) at: Duration,
    /// The status of each node that can be watched, or why there is none.
    pub(super) statuses: BTreeMap<String, Result<Value, String>>,
    /// The state that the harness knows, if there is one.
    pub(super) harness: HarnessState,
}

/// The herd, as the page draws it.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Picture {
    /// The wall clock, in milliseconds since 1970.
    pub(super) at_ms: u64,
    pub(super) nodes: Vec<NodePicture>,
    pub(super) links: Vec<LinkPicture>,
    pub(super) lesson: Option<LessonProgress>,
    /// The age of updates that arrived from neighbours since the last look, at all nodes.
    #[serde(skip)]
    pub(super) update_age: Durations,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct NodePicture {
    pub(super) name: String,
    pub(super) state: NodeState,
    pub(super) reasons: Vec<String>,
    pub(super) reports_per_second: Option<f64>,
    clients: Option<u64>,
    answer_p50_seconds: Option<f64>,
    answer_p99_seconds: Option<f64>,
    status: Option<Value>,
}

/// What is right or wrong with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum NodeState {
    Ready,
    /// No neighbour is linked.
    Apart,
    /// Its disk fails or does not respond.
    Degraded,
    /// Its clock and that of a neighbour differ too much.
    Skewed,
    #[serde(rename = "not ready")]
    NotReady,
    Paused,
    Down,
    #[serde(rename = "not answering")]
    NotAnswering,
    /// It has no admin port.
    #[serde(rename = "not watched")]
    NotWatched,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct LinkPicture {
    a: String,
    b: String,
    state: &'static str,
    round_trip_seconds: Option<f64>,
    a_to_b: Direction,
    b_to_a: Direction,
}

/// One direction of a link, as its sender sees it.
#[derive(Clone, Debug, Serialize)]
struct Direction {
    lines_per_second: Option<f64>,
    /// The number of sequences that the receiver lacks.
    backlog: Option<u64>,
    /// The number of nodes whose updates it only announces, because they arrive sooner elsewhere.
    origins_left_out: Option<u64>,
}

impl Look {
    fn status(&self, node: &str) -> Option<&Value> {
        self.statuses.get(node)?.as_ref().ok()
    }

    /// What a node says of a neighbour.
    fn neighbour(&self, node: &str, neighbour: &str) -> Option<&Value> {
        let neighbours = self.status(node)?["neighbours"].as_array()?;
        neighbours.iter().find(|entry| entry["name"] == neighbour)
    }
}

impl Picture {
    /// Draws what `now` shows; rates and percentiles are those since `before`.
    pub(super) fn of(herd: &WatchedHerd, before: &Look, now: &Look, at_ms: u64) -> Picture {
        let window = Window { before, now };
        let ages = herd.nodes.iter().map(|node| window.durations(&node.name, "update_age"));
        Picture {
            at_ms,
            nodes: herd.nodes.iter().map(|node| window.node(node)).collect(),
            links: herd.links().map(|(a, b)| window.link(a, b)).collect(),
            lesson: now.harness.lesson.clone(),
            update_age: Durations::sum(ages),
        }
    }
}

/// Two looks, and the time between them.
struct Window<'a> {
    before: &'a Look,
    now: &'a Look,
}

impl Window<'_> {
    fn node(&self, node: &WatchedNode) -> NodePicture {
        let name = &node.name;
        let (state, reasons) = self.state(node);
        let answers = self.durations(name, "answer_iamat");
        let status = self.now.status(name);
        NodePicture {
            name: name.clone(),
            state,
            reasons,
            reports_per_second: self.rate(name, |status| {
                let lines = &status["lines"];
                Some(lines["reports_fresh"].as_u64()? + lines["reports_stale"].as_u64()?)
            }),
            clients: status.and_then(|status| status["clients"].as_u64()),
            answer_p50_seconds: answers.percentile(0.5),
            answer_p99_seconds: answers.percentile(0.99),
            status: status.cloned(),
        }
    }

    /// The state of a node, and the reasons in sentences.
    fn state(&self, node: &WatchedNode) -> (NodeState, Vec<String>) {
        match self.now.harness.nodes.get(&node.name) {
            Some(Life::Down) => return (NodeState::Down, vec!["its process has ended".to_owned()]),
            Some(Life::Paused) => return (NodeState::Paused, vec!["its process is paused".to_owned()]),
            Some(Life::Running) | None => {}
        }
        match self.now.statuses.get(&node.name) {
            None => (NodeState::NotWatched, vec!["it has no admin port".to_owned()]),
            Some(Err(reason)) => (NodeState::NotAnswering, vec![reason.clone()]),
            Some(Ok(status)) => (answering_state(status), reasons(status)),
        }
    }

    fn link(&self, a: &str, b: &str) -> LinkPicture {
        let ends = [self.now.neighbour(a, b), self.now.neighbour(b, a)];
        let is_cut = self.now.harness.cut.iter().any(|(from, to)| [(a, b), (b, a)].contains(&(from, to)));
        // Either end knows whether the link is up. One of them may not answer.
        let known: Vec<&str> = ends.iter().flatten().filter_map(|end| end["state"].as_str()).collect();
        let state = match () {
            () if is_cut => "cut",
            () if known.is_empty() => "unknown",
            () if known.iter().all(|state| *state == "up") => "up",
            () if known.iter().all(|state| *state == "never") => "never",
            () => "down",
        };
        LinkPicture {
            a: a.to_owned(),
            b: b.to_owned(),
            state,
            round_trip_seconds: ends.iter().flatten().find_map(|end| end["round_trip_seconds"].as_f64()),
            a_to_b: self.direction(a, b),
            b_to_a: self.direction(b, a),
        }
    }

    fn direction(&self, from: &str, to: &str) -> Direction {
        let sent = |look: &Look| look.neighbour(from, to)?["updates_sent"].as_u64();
        let count = |field: &str| self.now.neighbour(from, to)?[field].as_u64();
        Direction {
            lines_per_second: self.per_second(sent(self.before), sent(self.now)),
            backlog: count("lag"),
            origins_left_out: count("origins_left_out"),
        }
    }

    /// How fast a counter of a node's status grows.
    fn rate(&self, node: &str, count: impl Fn(&Value) -> Option<u64>) -> Option<f64> {
        self.per_second(self.before.status(node).and_then(&count), self.now.status(node).and_then(&count))
    }

    /// How fast a counter has grown. A counter that has become smaller began again at 0.
    fn per_second(&self, before: Option<u64>, now: Option<u64>) -> Option<f64> {
        let seconds = self.now.at.checked_sub(self.before.at)?.as_secs_f64();
        let (before, now) = (before?, now?);
        (seconds > 0.0).then(|| now.checked_sub(before).unwrap_or(now) as f64 / seconds)
    }

    /// The durations that a node has added to a histogram.
    fn durations(&self, node: &str, name: &str) -> Durations {
        let of = |look: &Look| look.status(node).map(|status| Durations::of(status, name));
        match (of(self.now), of(self.before)) {
            (Some(now), Some(before)) => now.since(&before),
            _ => Durations::default(),
        }
    }
}

/// The state of a node that answers. If several things are wrong, the one that puts reports at risk
/// counts.
fn answering_state(status: &Value) -> NodeState {
    let is = |durability: &str| status["durability"] == durability;
    let neighbours = status["neighbours"].as_array().map_or(&[][..], Vec::as_slice);
    match () {
        () if is("degraded") || is("stalled") => NodeState::Degraded,
        () if !neighbours.is_empty() && neighbours.iter().all(|end| end["linked"] == false) => {
            NodeState::Apart
        }
        () if neighbours.iter().any(|end| end["clock_differs"] == true) => NodeState::Skewed,
        () if status["ready"] == true => NodeState::Ready,
        () => NodeState::NotReady,
    }
}

fn reasons(status: &Value) -> Vec<String> {
    let reasons = status["reasons"].as_array().into_iter().flatten();
    reasons.filter_map(Value::as_str).map(str::to_owned).collect()
}
