//! How the nodes of a herd are: seen from outside, and by what they say of themselves.

use anyhow::Result;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::cluster::admin_client;
use crate::cluster::processes::Processes;

/// How a node is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Health {
    /// It says that it can do what it is for.
    Ready(Value),
    /// It says that it cannot, and why.
    NotReady(Value),
    /// Its process runs, and does not answer; why not.
    NotAnswering(String),
    /// It has no process.
    Down,
}

impl Health {
    /// What a node's answer at `/status` means.
    fn of(answer: Result<Value>) -> Health {
        match answer {
            Ok(status) if status["ready"] == true => Health::Ready(status),
            Ok(status) => Health::NotReady(status),
            Err(error) => Health::NotAnswering(format!("{error:#}")),
        }
    }

    /// The word for it, in tables and in JSON.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Health::Ready(_) => "ready",
            Health::NotReady(_) => "not ready",
            Health::NotAnswering(_) => "not answering",
            Health::Down => "down",
        }
    }

    /// Why it is not ready, or does not answer.
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

    /// What it says of itself; `Null` if it does not answer.
    pub(crate) fn status(&self) -> Value {
        match self {
            Health::Ready(status) | Health::NotReady(status) => status.clone(),
            Health::NotAnswering(_) | Health::Down => Value::Null,
        }
    }

    /// Whether it may be ready soon, if nothing is done.
    pub(crate) fn may_get_ready(&self) -> bool {
        matches!(self, Health::NotReady(_) | Health::NotAnswering(_))
    }
}

/// Asks all nodes at once, and returns them in the order of the herd file.
///
/// # Errors
/// The system does not tell about processes.
pub(crate) async fn of_all(processes: &mut Processes) -> Result<Vec<(String, Health)>> {
    let mut asked = JoinSet::new();
    for (number, name) in processes.names().into_iter().enumerate() {
        let (is_running, admin) = (processes.pid(&name)?.is_some(), processes.admin(&name)?);
        asked.spawn(async move {
            let health = match admin {
                _ if !is_running => Health::Down,
                None => Health::NotAnswering("it has no admin port".to_owned()),
                Some(address) => Health::of(admin_client::ask_status(address).await),
            };
            (number, name, health)
        });
    }
    let mut found = asked.join_all().await;
    found.sort_by_key(|(number, ..)| *number);
    Ok(found.into_iter().map(|(_, name, health)| (name, health)).collect())
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_node_that_says_so_is_ready() {
        let ready = Health::of(Ok(json!({ "ready": true, "reasons": [] })));
        assert_eq!((ready.word(), ready.reasons()), ("ready", Vec::new()));
        let not_ready = Health::of(Ok(json!({ "ready": false, "reasons": ["no neighbour is linked"] })));
        assert_eq!(not_ready.word(), "not ready");
        assert_eq!(not_ready.reasons(), ["no neighbour is linked"]);
        assert_eq!(Health::of(Ok(json!({}))).word(), "not ready");
        let frozen = Health::of(Err(anyhow!("no answer").context("cannot ask")));
        assert_eq!(
            (frozen.word(), frozen.reasons()),
            ("not answering", vec!["cannot ask: no answer".to_owned()])
        );
        assert!(frozen.may_get_ready() && !Health::Down.may_get_ready());
    }
}
