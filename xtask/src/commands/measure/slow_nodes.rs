//! What makes the nodes of the running herd slower than they could be.

use std::net::SocketAddr;

use serde_json::Value;

use crate::commands::herd::log_lines::{LogLines, level_of};

/// Returns a line about what makes those nodes slow that serve clients at `targets`; `None` if
/// nothing does, or if nothing is known of them. `status` is that of the running herd.
pub(super) fn describe_slow_nodes(status: &Value, targets: &[SocketAddr]) -> Option<String> {
    let is_target = |node: &&Value| {
        let address = node["client"].as_str().and_then(|address| address.parse().ok());
        address.is_some_and(|address: SocketAddr| targets.contains(&address))
    };
    let nodes: Vec<&Value> = status["nodes"].as_array().into_iter().flatten().filter(is_target).collect();
    let is_debug = nodes.iter().any(|node| node["status"]["build"]["profile"] == "debug");
    let logs_lines = nodes.iter().any(|node| level_of(node).is_some_and(logs_lines));
    slow_nodes(is_debug, logs_lines, !nodes.is_empty() && status["cuts_links"] == true)
}

fn logs_lines(level: String) -> bool {
    LogLines::of_level(&level) == LogLines::On
}

fn slow_nodes(is_debug: bool, logs_lines: bool, has_proxy: bool) -> Option<String> {
    let reasons = [
        (is_debug, "they are debug builds"),
        (logs_lines, "they log every line"),
        (has_proxy, "their links go through proxies"),
    ];
    let reasons: Vec<&str> =
        reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason).collect();
    let advice = match (is_debug || has_proxy, logs_lines) {
        (true, _) => "measure nodes of `cargo xtask herd-up --release`",
        (false, true) => "`cargo xtask herd-logs --lines off` ends that",
        (false, false) => return None,
    };
    let (last, others) = reasons.split_last()?;
    let reasons =
        if others.is_empty() { (*last).to_owned() } else { format!("{} and {last}", others.join(", ")) };
    Some(format!("note: the nodes are slower than they could be, since {reasons}; {advice}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_reason_is_said_with_what_to_do() {
        let slower = "note: the nodes are slower than they could be, since";
        let release = "measure nodes of `cargo xtask herd-up --release`";
        for (reasons, expected) in [
            ((false, false, false), None),
            ((true, true, false), Some(format!("they are debug builds and they log every line; {release}"))),
            (
                (true, true, true),
                Some(format!(
                    "they are debug builds, they log every line and their links go through proxies; {release}"
                )),
            ),
            ((true, false, false), Some(format!("they are debug builds; {release}"))),
            (
                (false, true, false),
                Some("they log every line; `cargo xtask herd-logs --lines off` ends that".to_owned()),
            ),
        ] {
            let (is_debug, logs_lines, has_proxy) = reasons;
            let expected = expected.map(|rest| format!("{slower} {rest}"));
            assert_eq!(slow_nodes(is_debug, logs_lines, has_proxy), expected);
        }
    }

    #[test]
    fn only_the_nodes_that_get_the_load_count() {
        let node = |port: u16, profile: &str| json!({ "client": format!("127.0.0.1:{port}"), "status": { "build": { "profile": profile } } });
        let status = json!({ "nodes": [node(1, "debug"), node(2, "release")], "cuts_links": false });
        let describe = |ports: &[u16]| {
            let targets: Vec<SocketAddr> = ports.iter().map(|port| ([127, 0, 0, 1], *port).into()).collect();
            describe_slow_nodes(&status, &targets)
        };
        assert!(describe(&[1, 2]).is_some_and(|line| line.contains("debug builds;")));
        assert_eq!((describe(&[2]), describe(&[3])), (None, None));
    }
}
