//! The health of a herd's nodes: whether their processes run, and what they report on their admin
//! ports.

use anyhow::Result;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::cluster::admin_client;
use crate::cluster::processes::KnownNode;

/// The health of a node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Health {
    /// The node reports that it is ready. The value is its answer at `/status`.
    Ready(Value),
    /// The node reports that it is not ready, and why. The value is its answer at `/status`.
    NotReady(Value),
    /// The process runs but does not answer. The text says why.
    NotAnswering(String),
    /// The process has been paused.
    Paused,
    /// The process does not run.
    Down,
}

impl Health {
    /// Returns the health of a running node from its answer at `/status`.
    fn of(answer: Result<Value>) -> Health {
        match answer {
            Ok(status) if status["ready"] == true => Health::Ready(status),
            Ok(status) => Health::NotReady(status),
            Err(error) => Health::NotAnswering(format!("{error:#}")),
        }
    }

    /// Returns the word for this health in tables and in JSON.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Health::Ready(_) => "ready",
            Health::NotReady(_) => "not ready",
            Health::NotAnswering(_) => "not answering",
            Health::Paused => "paused",
            Health::Down => "down",
        }
    }

    /// Returns the reasons why the node is not ready or does not answer.
    pub(crate) fn reasons(&self) -> Vec<String> {
        match self {
            Health::NotReady(status) => {
                let reasons = status["reasons"].as_array().into_iter().flatten();
                reasons.filter_map(Value::as_str).map(str::to_owned).collect()
            }
            Health::NotAnswering(reason) => vec![reason.clone()],
            Health::Ready(_) | Health::Paused | Health::Down => Vec::new(),
        }
    }

    /// Returns the node's answer at `/status`, or `Null` if it does not answer.
    pub(crate) fn status(&self) -> Value {
        match self {
            Health::Ready(status) | Health::NotReady(status) => status.clone(),
            Health::NotAnswering(_) | Health::Paused | Health::Down => Value::Null,
        }
    }

    /// Returns whether the node may still get ready by itself.
    pub(crate) fn may_get_ready(&self) -> bool {
        matches!(self, Health::NotReady(_) | Health::NotAnswering(_))
    }
}

/// Asks all nodes that run at once, and returns the health of each in the order of `nodes`.
pub(crate) async fn fetch_health(nodes: &[KnownNode]) -> Vec<Health> {
    let mut requests = JoinSet::new();
    for (number, node) in nodes.iter().enumerate() {
        let (admin, is_up, is_paused) = (node.admin, node.pid.is_some(), node.is_paused);
        requests.spawn(async move {
            let health = match admin {
                _ if !is_up => Health::Down,
                _ if is_paused => Health::Paused,
                None => Health::NotAnswering("it has no admin port".to_owned()),
                Some(address) => Health::of(admin_client::fetch_status(address).await),
            };
            (number, health)
        });
    }
    let mut healths = requests.join_all().await;
    healths.sort_by_key(|(number, _)| *number);
    healths.into_iter().map(|(_, health)| health).collect()
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_node_that_reports_it_is_ready() {
        let ready = Health::of(Ok(json!({ "ready": true, "reasons": [] })));
        assert_eq!((ready.word(), ready.reasons()), ("ready", Vec::new()));
        let not_ready = Health::of(Ok(json!({ "ready": false, "reasons": ["no neighbour is linked"] })));
        assert_eq!(not_ready.word(), "not ready");
        assert_eq!(not_ready.reasons(), ["no neighbour is linked"]);
        assert_eq!(Health::of(Ok(json!({}))).word(), "not ready");
        let silent = Health::of(Err(anyhow!("no answer").context("cannot fetch")));
        assert_eq!(
            (silent.word(), silent.reasons()),
            ("not answering", vec!["cannot fetch: no answer".to_owned()])
        );
        assert!(silent.may_get_ready());
        assert!(!Health::Down.may_get_ready() && !Health::Paused.may_get_ready());
    }
}
