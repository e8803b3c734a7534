//! The commands that pause nodes, cut links, and heal them, and what the status shows meanwhile.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::checkout::{Checkout, DEADLINE, wait, wait_until};

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
    assert_eq!(error, "error: paused: Node2, Node3; resume with `cargo xtask herd-heal Node2 Node3`\n");
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
    checkout.run(&["herd-status"]);
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

/// Starts `herd-status --watch`. Returns it and its lines.
fn watch(checkout: &Checkout) -> (Child, Receiver<String>) {
    let mut watch = checkout.command(&["herd-status", "--watch"]).stdout(Stdio::piped()).spawn().unwrap();
    let (sender, lines) = channel();
    let output = BufReader::new(watch.stdout.take().unwrap());
    thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    (watch, lines)
}

/// Returns the next line that contains a text.
fn line_with(lines: &Receiver<String>, text: &str) -> String {
    loop {
        let line = lines.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("no line with {text}"));
        if line.contains(text) {
            return line;
        }
    }
}

#[test]
fn a_watched_herd_is_shown_in_blocks_until_it_is_stopped() {
    let checkout = Checkout::new("watched-status");
    checkout.up(&["--nodes", "2"]);
    let (mut watcher, lines) = watch(&checkout);
    let title = line_with(&lines, "--- ");
    assert!(title.ends_with(": ring-2: 2 nodes: 2 ready"), "{title}");
    assert!(lines.recv_timeout(DEADLINE).unwrap().starts_with("NODE "));
    checkout.run(&["herd-pause", "Node2"]);
    line_with(&lines, "1 paused");
    let (mut interrupted, others) = watch(&checkout);
    line_with(&others, "--- ");
    kill(Pid::from_raw(interrupted.id() as i32), Signal::SIGINT).unwrap();
    assert_eq!(wait(&mut interrupted).code(), None, "ended by the signal");
    checkout.run(&["herd-down"]);
    line_with(&lines, "The herd has been stopped.");
    assert!(wait(&mut watcher).success());
    assert!(checkout.fail(&["herd-status", "--watch"]).contains("no herd of this checkout is running"));
}
