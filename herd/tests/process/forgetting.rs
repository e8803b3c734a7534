//! Forgetting clients that have not reported for long.

use std::fs;

use fixtures::checkout::{root, scratch};
use serde_json::Value;

use crate::admin::get;
use crate::support::{Node, stop, wait_until};

/// The clients in the fixture that are known, and those that were ever removed.
const KNOWN: usize = 38;
const REMOVED: usize = 3;

fn clients(node: &Node) -> (usize, usize) {
    let status: Value = serde_json::from_str(&get(node, "/status").1).unwrap();
    let number = |key: &str| usize::try_from(status[key].as_u64().unwrap()).unwrap();
    (number("clients"), number("clients_forgotten"))
}

#[test]
fn clients_of_an_old_journal_are_forgotten_and_stay_so_after_a_restart() {
    let folder = scratch("forgetting").join("data");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(root().join("fixtures/journals/format-2/journal"), folder.join("journal")).unwrap();
    let start = |limits: &str| {
        Node::start_with("forgetting", limits, |command| {
            command.arg("--data-dir").arg(&folder).args(["--admin-address", "127.0.0.1:0"])
        })
    };
    let mut node = start("");
    assert_eq!(clients(&node), (KNOWN, 0), "nothing is forgotten unless the herd file says so");
    stop(&mut node);

    let mut node = start("forget_after = \"1m\"");
    wait_until("all are forgotten", || clients(&node) == (0, KNOWN));
    let report = node.ask(b"IAMAT kiwi +1+1 1\n");
    assert!(report.starts_with("AT Alford "));
    let metrics = get(&node, "/metrics").1;
    assert!(metrics.contains(&format!("herd_clients_forgotten_total {KNOWN}\n")), "{metrics}");
    assert!(metrics.contains(&format!("herd_removed_clients {REMOVED}\n")), "{metrics}");
    stop(&mut node);

    // What is forgotten stays so, also without the limit.
    let node = start("");
    wait_until("they are dropped again", || clients(&node).0 == 1);
    assert!(node.ask(b"WHATSAT kiwi 1 0\n").starts_with(&report));
    assert_eq!(node.ask(b"WHATSAT client-00.example 1 0\n"), "? WHATSAT client-00.example 1 0\n");
}
