//! The herd of a peer, as a user runs it.

use std::io::Write;
use std::net::TcpStream;

use crate::checkout::{Checkout, wait_until};

#[test]
fn a_peers_herd_runs_and_is_asked_killed_and_restarted_like_our_own() {
    let checkout = Checkout::new("peer");
    let table = checkout.up(&["--peer", "asyncio-protocol"]);
    assert!(table.contains("herd 2015-winter of the peer asyncio-protocol"), "{table}");
    assert!(table.contains("Alford    running") && !table.contains("ADMIN"), "{table}");

    let answer = checkout.run(&["say", "Alford", "IAMAT kiwi +34.0-118.4 1", "nonsense"]);
    assert!(answer.starts_with("AT Alford +") && answer.ends_with("? nonsense\n"), "{answer}");
    wait_until("the update has reached Hamilton", || {
        checkout.run(&["say", "Hamilton", "WHATSAT kiwi 10 0"]).starts_with("AT Alford +")
    });

    assert!(checkout.run(&["herd-status"]).contains("Parker    running"));
    checkout.run(&["herd-kill", "Parker"]);
    assert!(checkout.fail(&["herd-status"]).contains("down: Parker"));
    assert!(checkout.fail(&["say", "Parker", "x"]).contains("herd-restart Parker"));
    let table = checkout.run(&["herd-restart", "Parker"]);
    assert!(table.contains("Parker    running"), "{table}");
    assert_eq!(checkout.pids().len(), 5);
    assert_eq!(checkout.run(&["herd-down"]), "herd 2015-winter is down\n");
    assert!(checkout.fail(&["herd-status"]).contains("no herd"));
}

#[test]
fn the_log_of_a_peer_has_what_goes_wrong() {
    let checkout = Checkout::new("peer-log");
    checkout.up(&["--peer", "asyncio-protocol", "--nodes", "2"]);
    let output = checkout.xtask(&["herd-logs"]);
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    let note = String::from_utf8(output.stderr).unwrap();
    assert!(note.contains("nodes of the peer asyncio-protocol log only what goes wrong"), "{note}");
    // asyncio logs a traceback if the name of a neighbour is not UTF-8.
    let nodes = checkout.nodes();
    let mut link = TcpStream::connect(nodes[0]["link"].as_str().unwrap()).unwrap();
    link.write_all(b"\xff\n").unwrap();
    for more in [&[][..], &["--since", "1h"]] {
        wait_until("the traceback is in the log", || {
            checkout.run(&[&["herd-logs", "Node1"], more].concat()).contains("UnicodeDecodeError")
        });
    }
}

#[test]
fn what_only_our_own_nodes_can_do_is_an_error_that_names_the_peer() {
    let checkout = Checkout::new("peer-errors");
    checkout.up(&["--peer", "asyncio-streams", "--nodes", "2"]);
    for arguments in [&["tap", "Node1"][..], &["herd-logs", "--lines", "on"], &["dashboard"]] {
        let stderr = checkout.fail(arguments);
        assert!(stderr.contains("peer asyncio-streams"), "{stderr}");
    }
}
