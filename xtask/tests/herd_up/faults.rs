//! What the dashboard can ask of a herd's supervisor: to pause nodes, to cut links, and to empty
//! the herd.

use std::thread;

use serde_json::{Value, json};
use xtask::cluster::supervisor::{HerdAction, SupervisorClient};

use crate::checkout::{Checkout, runs, wait_until};

/// Requests an action. Returns the herd's status.
fn request(checkout: &Checkout, action: HerdAction, nodes: &[&str]) -> anyhow::Result<Value> {
    let nodes: Vec<String> = nodes.iter().map(|&node| node.to_owned()).collect();
    SupervisorClient::in_folder(checkout.folder.clone()).request(action, &nodes)
}

/// Requests an action that must succeed.
fn perform(checkout: &Checkout, action: HerdAction, nodes: &[&str]) -> Value {
    request(checkout, action, nodes).unwrap()
}

/// Requests an action that must fail. Returns its error.
fn refused(checkout: &Checkout, action: HerdAction, nodes: &[&str]) -> String {
    request(checkout, action, nodes).unwrap_err().to_string()
}

fn states(status: &Value) -> Vec<&str> {
    status["nodes"].as_array().unwrap().iter().map(|node| node["state"].as_str().unwrap()).collect()
}

/// Returns whether a node considers its link with a neighbour complete.
fn is_linked(checkout: &Checkout, node: &str, neighbour: &str) -> bool {
    let status = perform(checkout, HerdAction::Status, &[]);
    let nodes = status["nodes"].as_array().unwrap();
    let node = nodes.iter().find(|found| found["name"] == node).unwrap();
    let neighbours = node["status"]["neighbours"].as_array();
    neighbours.into_iter().flatten().any(|found| found["name"] == neighbour && found["linked"] == true)
}

#[test]
fn a_paused_node_is_shown_and_hangs_no_command() {
    let checkout = Checkout::new("paused");
    checkout.up(&["--nodes", "3"]);
    let pause = || perform(&checkout, HerdAction::Pause, &["Node2"]);
    assert_eq!(states(&pause()), ["ready", "paused", "ready"]);
    assert_eq!(states(&pause()), ["ready", "paused", "ready"]);
    let known = perform(&checkout, HerdAction::Processes, &[]);
    assert_eq!(states(&known), ["running", "paused", "running"]);
    let expected = "error: paused: Node2; resume with `cargo xtask herd-heal Node2`\n";
    assert_eq!(checkout.fail(&["herd-status"]), expected);
    assert!(checkout.fail(&["say", "Node2", "x"]).contains("Node2 is paused: resume it with `cargo xtask"));

    perform(&checkout, HerdAction::Resume, &["Node2"]);
    wait_until("all are ready", || states(&perform(&checkout, HerdAction::Status, &[])) == ["ready"; 3]);
    assert_eq!(checkout.run(&["say", "Node2", "x"]), "? x\n");

    pause();
    checkout.run(&["herd-restart", "Node2"]);
    assert_eq!(checkout.run(&["say", "Node2", "x"]), "? x\n");
    pause();
    checkout.run(&["herd-kill", "Node2"]);
    let error = refused(&checkout, HerdAction::Pause, &["Node1", "Node2"]);
    assert_eq!(error, "Node2 is down, so it cannot be paused or resumed");
    let error = refused(&checkout, HerdAction::Pause, &["node_3"]);
    assert_eq!(error, "no node is called node_3: the nodes are Node1, Node2, Node3; did you mean `Node3`?");

    checkout.run(&["herd-restart"]);
    pause();
    let pids = checkout.pids();
    checkout.run(&["herd-down"]);
    assert!(pids.len() == 3 && !pids.into_iter().any(runs));
}

#[test]
fn a_cut_link_goes_down_and_updates_pass_again_once_it_is_healed() {
    let checkout = Checkout::new("cut");
    checkout.up(&["--dashboard"]);
    let cut = perform(&checkout, HerdAction::Cut, &["Parker", "Hamilton"]);
    assert_eq!(cut["cut"], json!([["Hamilton", "Parker"]]));
    wait_until("both ends have noticed", || {
        !is_linked(&checkout, "Parker", "Hamilton") && !is_linked(&checkout, "Hamilton", "Parker")
    });
    assert!(is_linked(&checkout, "Parker", "Alford"));
    checkout.run(&["say", "Hamilton", "IAMAT kiwi +34.0-118.4 1"]);
    checkout.run(&["say", "Alford", "IAMAT pear +34.0-118.4 1"]);
    assert_eq!(checkout.run(&["say", "Parker", "WHATSAT kiwi 1 0"]), "? WHATSAT kiwi 1 0\n");

    let healed = perform(&checkout, HerdAction::Heal, &["Hamilton", "Parker"]);
    assert_eq!(healed["cut"], json!([]));
    wait_until("updates pass in both directions", || {
        checkout.run(&["say", "Alford", "WHATSAT kiwi 1 0"]).starts_with("AT Hamilton ")
            && checkout.run(&["say", "Hamilton", "WHATSAT pear 1 0"]).starts_with("AT Alford ")
    });
    wait_until("both ends are linked", || {
        is_linked(&checkout, "Parker", "Hamilton") && is_linked(&checkout, "Hamilton", "Parker")
    });

    let error = refused(&checkout, HerdAction::Cut, &["Alford", "Bolden"]);
    assert_eq!(error, "Alford and Bolden have no link: the neighbours of Alford are Parker, Powell");
    let error = refused(&checkout, HerdAction::Cut, &["Alford", "Praker"]);
    assert!(error.ends_with("; did you mean `Parker`?"), "{error}");
}

#[test]
fn links_without_a_proxy_cannot_be_cut() {
    let checkout = Checkout::new("uncut");
    checkout.up(&["--nodes", "2"]);
    let error = refused(&checkout, HerdAction::Cut, &["Node1", "Node2"]);
    assert_eq!(error, "links of this herd cannot be cut: start it with `cargo xtask herd-up --proxy-links`");
}

#[test]
fn an_emptied_herd_runs_whole_and_has_forgotten_every_report() {
    let checkout = Checkout::new("emptied");
    checkout.up(&["--nodes", "3", "--graph", "line", "--dashboard"]);
    checkout.run(&["say", "Node1", "IAMAT kiwi +34.0-118.4 1"]);
    perform(&checkout, HerdAction::Kill, &["Node2"]);
    perform(&checkout, HerdAction::Pause, &["Node3"]);
    perform(&checkout, HerdAction::Cut, &["Node1", "Node2"]);
    let status = perform(&checkout, HerdAction::Empty, &[]);
    assert_eq!((states(&status), &status["cut"]), (vec!["ready"; 3], &json!([])));
    for node in ["Node1", "Node2", "Node3"] {
        assert_eq!(checkout.run(&["say", node, "WHATSAT kiwi 1 0"]), "? WHATSAT kiwi 1 0\n");
    }
}

#[test]
fn records_in_a_chosen_folder_are_not_deleted() {
    let checkout = Checkout::new("chosen");
    let kept = checkout.folder.join("kept").display().to_string();
    checkout.up(&["--nodes", "2", "--data-dir", &kept]);
    checkout.run(&["say", "Node1", "IAMAT kiwi +34.0-118.4 1"]);
    let error = refused(&checkout, HerdAction::Empty, &[]);
    let expected = format!("emptying the herd would delete the records in {kept}");
    assert!(error.starts_with(&expected), "{error}");
    assert!(checkout.run(&["say", "Node1", "WHATSAT kiwi 1 0"]).starts_with("AT Node1 "));
}

#[test]
fn the_status_is_shown_while_a_restart_waits() {
    let checkout = Checkout::new("busy");
    checkout.up(&["--nodes", "2", "--dashboard"]);
    perform(&checkout, HerdAction::Cut, &["Node1", "Node2"]);
    let before = checkout.pids();
    // Without its only neighbour the node does not get ready, so the restart waits for it.
    let folder = checkout.folder.clone();
    let restart = thread::spawn(move || {
        SupervisorClient::in_folder(folder).request(HerdAction::Restart, &["Node2".to_owned()])
    });
    let mut seen = Value::Null;
    while seen.is_null() && !restart.is_finished() {
        let status = perform(&checkout, HerdAction::Status, &[]);
        let node = &status["nodes"][1];
        let is_new = node["state"] == "not ready" && node["pid"] != before[1];
        seen = if is_new && !restart.is_finished() { node.clone() } else { Value::Null };
    }
    assert_eq!(seen["reasons"][0], "no neighbour is linked");
    restart.join().unwrap().unwrap();
}
