//! The health of a herd's nodes: whether their processes run, and what they report on their admin
//! ports.

use anyhow::Result;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::cluster::admin_client;
use crate::cluster::processes::Processes;

/// The health of a node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Health {
    /// The node reports that it is ready. The value is its answer at `/status`.
    Ready(Value),
    /// The node reports that it is not ready, and why. The value is its answer at `/status`.
    NotReady(Value),
    /// The process runs but does not answer. The text says why.
    NotAnswering(String),
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
            Health::Ready(_) | Health::Down => Vec::new(),
        }
    }

    /// Returns the node's answer at `/status`, or `Null` if it does not answer.
    pub(crate) fn status(&self) -> Value {
        match self {
            Health::Ready(status) | Health::NotReady(status) => status.clone(),
            Health::NotAnswering(_) | Health::Down => Value::Null,
        }
    }

    /// Returns whether the node may still get ready by itself.
    pub(crate) fn may_get_ready(&self) -> bool {
        matches!(self, Health::NotReady(_) | Health::NotAnswering(_))
    }
}

/// Asks all nodes at once, and returns their names and health in the order of the herd file.
///
/// # Errors
/// A process cannot be polled.
pub(crate) async fn fetch_health(processes: &mut Processes) -> Result<Vec<(String, Health)>> {
    let mut requests = JoinSet::new();
    for (number, name) in processes.names().into_iter().enumerate() {
        let (is_running, admin) = (processes.pid(&name)?.is_some(), processes.admin(&name)?);
        requests.spawn(async move {
            let health = match admin {
                _ if !is_running => Health::Down,
                None => Health::NotAnswering("it has no admin port".to_owned()),
                Some(address) => Health::of(admin_client::fetch_status(address).await),
            };
            (number, name, health)
        });
    }
    let mut nodes = requests.join_all().await;
    nodes.sort_by_key(|(number, ..)| *number);
    Ok(nodes.into_iter().map(|(_, name, health)| (name, health)).collect())
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
        let paused = Health::of(Err(anyhow!("no answer").context("cannot fetch")));
        assert_eq!(
            (paused.word(), paused.reasons()),
            ("not answering", vec!["cannot fetch: no answer".to_owned()])
        );
        assert!(paused.may_get_ready() && !Health::Down.may_get_ready());
    }
}
