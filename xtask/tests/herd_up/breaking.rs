//! The commands that pause nodes, cut links, and heal them, and what the status shows meanwhile.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::checkout::{Checkout, Printer, wait, wait_until};

/// Returns whether all nodes are linked with all their neighbours.
fn all_linked(checkout: &Checkout) -> bool {
    let is_linked = |node: &Value| {
        let neighbours = node["status"]["neighbours"].as_array();
        neighbours.is_some_and(|neighbours| neighbours.iter().all(|neighbour| neighbour["linked"] == true))
    };
    checkout.nodes().iter().all(is_linked)
}

#[test]
fn paused_nodes_are_shown_and_healed_or_restarted_or_killed() {
    let checkout = Checkout::new("pause-command");
    checkout.up(&["--nodes", "3"]);
    let table = checkout.run(&["herd-pause", "Node2", "Node3"]);
    assert_eq!(table.matches(" paused ").count(), 2, "{table}");
    let error = checkout.fail(&["herd-status"]);
    // Node1 is not ready when it has noticed that its neighbours do not answer.
    assert!(
        error.contains("paused: Node2, Node3; resume with `cargo xtask herd-heal Node2 Node3`"),
        "{error}"
    );
    let table = checkout.run(&["herd-heal", "Node2"]);
    assert_eq!(table.matches(" paused ").count(), 1, "{table}");
    assert_eq!(checkout.run(&["say", "Node2", "x"]), "? x\n");
    checkout.run(&["herd-heal"]);
    assert_eq!(checkout.run(&["say", "Node3", "x"]), "? x\n");

    checkout.run(&["herd-pause", "Node2", "Node3"]);
    checkout.run(&["herd-kill", "Node2"]);
    let error = checkout.fail(&["herd-heal"]);
    assert_eq!(error, "error: down: Node2; restart with `cargo xtask herd-restart Node2`\n");
    checkout.run(&["herd-pause", "Node3"]);
    checkout.run(&["herd-restart", "Node2", "Node3"]);
    wait_until("all nodes are ready", || checkout.nodes().iter().all(|node| node["state"] == "ready"));
    let error = checkout.fail(&["herd-pause", "Node4"]);
    assert_eq!(
        error,
        "error: no node is called Node4: the nodes are Node1, Node2, Node3; did you mean `Node1`?\n"
    );
}

#[test]
fn cut_links_are_shown_and_healed() {
    let checkout = Checkout::new("cut-command");
    checkout.up(&["--proxy-links"]);
    wait_until("all links are up", || all_linked(&checkout));
    let table = checkout.run(&["herd-cut", "Parker", "Hamilton"]);
    assert!(table.ends_with("the link between Hamilton and Parker is cut\n"), "{table}");
    checkout.run(&["herd-cut", "Alford", "Powell"]);
    checkout.run(&["herd-cut", "Alford", "Parker"]);
    // With two nodes, only the link between them heals; with one, all its links.
    let cut = |table: &str| table.matches(" is cut\n").count();
    assert_eq!(cut(&checkout.run(&["herd-heal", "Parker", "Hamilton"])), 2);
    assert_eq!(cut(&checkout.run(&["herd-heal", "Parker", "Powell"])), 2);
    assert_eq!(cut(&checkout.run(&["herd-heal", "Alford"])), 0);
    checkout.run(&["herd-cut", "Bolden", "Powell"]);
    assert_eq!(cut(&checkout.run(&["herd-heal"])), 0);
    wait_until("all links are up again", || all_linked(&checkout));
    let error = checkout.fail(&["herd-cut", "Alford", "Bolden"]);
    assert!(error.contains("Alford and Bolden have no link"), "{error}");
}

/// Starts `herd-status --watch`.
fn watch(checkout: &Checkout) -> Printer {
    Printer::start(checkout.command(&["herd-status", "--watch"]))
}

#[test]
fn a_watched_herd_is_shown_in_blocks_until_it_is_stopped() {
    let checkout = Checkout::new("watched-status");
    checkout.up(&["--nodes", "2"]);
    let mut watcher = watch(&checkout);
    let title = watcher.line_with("--- ");
    assert!(title.ends_with(": ring-2: 2 nodes: 2 ready"), "{title}");
    assert!(watcher.next_line().starts_with("NODE "));
    checkout.run(&["herd-pause", "Node2"]);
    watcher.line_with("1 paused");
    let mut ended = watch(&checkout);
    ended.line_with("--- ");
    // Not SIGINT: a shell without job control lets its background jobs ignore it.
    kill(Pid::from_raw(ended.process.id() as i32), Signal::SIGTERM).unwrap();
    assert_eq!(wait(&mut ended.process).code(), None, "ended by the signal");
    checkout.run(&["herd-down"]);
    watcher.line_with("The herd has been stopped.");
    assert!(wait(&mut watcher.process).success());
    assert!(checkout.fail(&["herd-status", "--watch"]).contains("no herd of this checkout is running"));
}
