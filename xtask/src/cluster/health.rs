//! The health of a herd's nodes: whether their processes run, and what they report on their admin
//! ports.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::cluster::admin_client;
use crate::cluster::processes::KnownNode;

/// How long a node without an admin port may take to accept a client.
const ACCEPT_TIMEOUT: Duration = Duration::from_secs(1);

/// The health of a node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Health {
    /// The node reports that it is ready. The value is its answer at `/status`.
    Ready(Value),
    /// The node reports that it is not ready, and why. The value is its answer at `/status`.
    NotReady(Value),
    /// The node accepts clients. It has no admin port, so no more is known: a peer's node.
    Running,
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

    /// Returns the health of a running node without an admin port: whether it accepts clients.
    async fn of_client_port(client: SocketAddr) -> Health {
        match timeout(ACCEPT_TIMEOUT, TcpStream::connect(client)).await {
            Ok(Ok(_)) => Health::Running,
            Ok(Err(error)) => Health::NotAnswering(format!("cannot connect to {client}: {error}")),
            Err(_) => Health::NotAnswering(format!("{client} has not accepted within {ACCEPT_TIMEOUT:?}")),
        }
    }

    /// Returns the word for this health in tables and in JSON.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Health::Ready(_) => "ready",
            Health::NotReady(_) => "not ready",
            Health::Running => "running",
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
            Health::Ready(_) | Health::Running | Health::Paused | Health::Down => Vec::new(),
        }
    }

    /// Returns the node's answer at `/status`, or `Null` if it does not answer.
    pub(crate) fn status(&self) -> Value {
        match self {
            Health::Ready(status) | Health::NotReady(status) => status.clone(),
            Health::Running | Health::NotAnswering(_) | Health::Paused | Health::Down => Value::Null,
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
        let (admin, client) = (node.admin, node.member.client);
        let (is_up, is_paused) = (node.pid.is_some(), node.is_paused);
        requests.spawn(async move {
            let health = match admin {
                _ if !is_up => Health::Down,
                _ if is_paused => Health::Paused,
                None => Health::of_client_port(client).await,
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
