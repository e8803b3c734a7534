//! `herd-up --backbone`: herds in several regions, and the servers that join them.

use std::io::Write;

use xtask::cluster::backbone::nats_server;

use crate::checkout::{Checkout, runs, wait_until};

/// Returns whether the servers can be had. If not, the test says so and passes.
fn has_servers() -> bool {
    let result = nats_server(&|_| ());
    if let Err(error) = &result {
        let _ = writeln!(std::io::stderr(), "not tested: the NATS servers cannot be had: {error:#}");
    }
    result.is_ok()
}

#[test]
fn regions_and_servers_are_one_herd_to_all_commands() {
    if !has_servers() {
        return;
    }
    let checkout = Checkout::new("regions");
    let table = checkout.up(&["--nodes", "2", "--backbone"]);
    for text in ["Node2-2", "nats-3", "region-1: Node1, Node2\nregion-2: Node1-2, Node2-2\n"] {
        assert!(table.contains(text), "no {text:?} in {table}");
    }
    let pids = checkout.pids();
    let asks = |node: &str, client: &str| checkout.run(&["say", node, &format!("WHATSAT {client} 1 0")]);
    checkout.run(&["say", "Node1", "IAMAT kiwi +1+1 1"]);
    wait_until("the other region knows", || asks("Node2-2", "kiwi").starts_with("AT Node1 "));

    assert!(checkout.run(&["herd-kill", "nats-1"]).contains("nats-1   down"));
    assert!(checkout.fail(&["herd-status"]).contains("down: nats-1; restart with"));
    assert!(pids.iter().copied().all(runs), "the nodes run on");
    // It may not have caught up with the stream yet, and is not ready then.
    checkout.xtask(&["herd-restart", "nats-1"]);
    wait_until("all are ready", || checkout.xtask(&["herd-status"]).status.success());
    checkout.run(&["say", "Node2-2", "IAMAT plum +1+1 1"]);
    wait_until("the first region knows", || asks("Node1", "plum").starts_with("AT Node2-2 "));

    checkout.run(&["herd-down"]);
    assert!(!pids.into_iter().any(runs));
}

#[test]
fn regions_need_the_backbone() {
    let error = Checkout::new("no-regions").fail(&["herd-up", "--regions", "2"]);
    assert!(error.contains("--backbone"), "{error}");
}
