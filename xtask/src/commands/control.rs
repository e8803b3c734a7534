//! `herd-status`, `herd-down`, `herd-restart`, `herd-kill`: talking to the running herd.

use anyhow::{Result, bail};
use serde_json::Value;

use crate::output::{print, table};
use crate::supervisor::{Action, request};

/// Prints how the nodes are, for people or as JSON.
///
/// # Errors
/// No herd is running, or a node is down: the status is printed all the same.
pub fn status(json: bool) -> Result<()> {
    let status = request(Action::Status, &[])?;
    if json {
        print(&format!("{status}\n"))?;
    } else {
        print(&describe(&status))?;
    }
    let nodes = status["nodes"].as_array().into_iter().flatten();
    let down: Vec<&str> =
        nodes.filter(|node| node["state"] == "down").filter_map(|node| node["name"].as_str()).collect();
    if !down.is_empty() {
        bail!("down: {}; start again with `cargo xtask herd-restart {}`", down.join(", "), down.join(" "));
    }
    Ok(())
}

/// Stops the herd, and returns when all of it is gone.
///
/// # Errors
/// No herd is running.
pub fn down() -> Result<()> {
    let status = request(Action::Down, &[])?;
    print(&format!("herd {} is down\n", status["herd"].as_str().unwrap_or_default()))
}

/// Stops the nodes named (all when none is) and starts them again on the same ports, the dead ones too; returns
/// when they are ready.
///
/// # Errors
/// No herd is running, a name is none of its nodes', or a node does not start.
pub fn restart(nodes: &[String]) -> Result<()> {
    print(&describe(&request(Action::Restart, nodes)?))
}

/// Kills the nodes named, as a crash would.
///
/// # Errors
/// No herd is running, or a name is none of its nodes'.
pub fn kill(nodes: &[String]) -> Result<()> {
    print(&describe(&request(Action::Kill, nodes)?))
}

/// A herd's status for people.
pub fn describe(status: &Value) -> String {
    let text = |node: &Value, key: &str| match &node[key] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    let header =
        ["NODE", "STATE", "CLIENTS", "LINKS", "NEIGHBOURS", "DURABILITY", "PID", "LOG"].map(str::to_owned);
    let keys = ["name", "state", "client", "link", "neighbours", "durability", "pid", "log"];
    let nodes = status["nodes"].as_array().into_iter().flatten();
    let rows: Vec<[String; 8]> =
        std::iter::once(header).chain(nodes.map(|node| keys.map(|key| text(node, key)))).collect();
    table(&rows)
}
