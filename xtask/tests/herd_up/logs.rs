//! Which lines `herd-logs` prints, and how large logs become.

use std::fs;
use std::path::PathBuf;

use crate::checkout::{Checkout, Printer, wait_until};

/// Reports two clients in turn to each of two nodes.
fn reporting_herd(test: &str) -> Checkout {
    let checkout = Checkout::new(test);
    checkout.up(&["--nodes", "2"]);
    for time in 1..=3 {
        for (node, client) in [("Node1", "kiwi"), ("Node2", "kiwi.cs.ucla.edu")] {
            checkout.run(&["say", node, &format!("IAMAT {client} +1+1 {time}")]);
        }
    }
    checkout
}

#[test]
fn lines_are_chosen_by_client_pattern_age_and_number() {
    let checkout = reporting_herd("chosen-lines");
    let logs = |arguments: &[&str]| -> Vec<String> {
        let text = checkout.run(&[&["herd-logs"], arguments].concat());
        text.lines().map(str::to_owned).collect()
    };
    let all = logs(&[]);
    let kiwi = logs(&["--client", "kiwi"]);
    assert!(
        kiwi.iter().any(|line| line.starts_with("Node1: "))
            && kiwi.iter().all(|line| line.contains(" kiwi +1+1 "))
    );
    let received = logs(&["--client", "kiwi", "--grep", "DEBUG received peer=\\S+ line=IAMAT"]);
    assert_eq!(received.len(), 3, "{received:?}");
    assert_eq!(logs(&["--client", "kiwi", "--grep", " received ", "--tail", "1"]), received[2..]);
    assert_eq!(logs(&["--tail", "0"]), [""; 0]);
    let last = logs(&["-n", "5", "Node1", "--grep", "."]);
    assert_eq!(last.len(), 5);
    assert!(logs(&["--tail", "100000"]).len() >= all.len());
    assert!(logs(&["--since", "1h"]).len() >= all.len());
    assert_eq!(logs(&["--since", "0s", "--client", "kiwi"]), [""; 0]);
    assert!(checkout.fail(&["herd-logs", "--grep", "("]).contains("it is not a regular expression"));
    assert!(
        checkout
            .fail(&["herd-logs", "--since", "soon"])
            .contains("invalid value 'soon' for '--since <TIME>'")
    );
}

#[test]
fn the_end_of_a_log_that_is_followed_comes_before_new_lines() {
    let checkout = reporting_herd("tail-and-follow");
    let received = ["herd-logs", "--grep", " received ", "--tail", "2"];
    let before = checkout.run(&received);
    assert_eq!(before.lines().count(), 2);
    let follower = Printer::start(checkout.command(&[&received[..], &["--follow"]].concat()));
    let first = [follower.next_line(), follower.next_line()];
    assert_eq!(first.join("\n") + "\n", before);
    checkout.run(&["say", "Node1", "IAMAT plum +1+1 9"]);
    let line = follower.next_line();
    assert!(line.starts_with("Node1: ") && line.ends_with(" line=IAMAT plum +1+1 9"), "{line}");
}

#[test]
fn a_full_log_is_kept_beside_the_new_one_and_both_are_read() {
    let checkout = Checkout::new("full-logs");
    fs::create_dir_all(&checkout.folder).unwrap();
    let file = checkout.folder.join("small.toml");
    let node = "[[node]]\nname = \"A\"\nclient = \"127.0.0.1:1\"\nlink = \"127.0.0.1:2\"\n";
    fs::write(&file, format!("name = \"small\"\n{node}[limits]\nlog_file_bytes = 20000\n")).unwrap();
    checkout.up(&["--herd", file.to_str().unwrap()]);
    let mut sent = 0;
    let log = PathBuf::from(checkout.nodes()[0]["log"].as_str().unwrap());
    let full = herd::telemetry::former_log(&log);
    while !full.exists() {
        let lines: Vec<String> = (0..20).map(|line| format!("IAMAT kiwi +1+1 {}", sent + line)).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        checkout.run(&[&["say", "A"], &lines[..]].concat());
        sent += 20;
        assert!(sent < 10_000, "the log of {} bytes is not full", fs::metadata(&log).unwrap().len());
    }
    let size = fs::metadata(&full).unwrap().len();
    assert!((20_000..60_000).contains(&size), "{size}");
    wait_until("the logs have every line once", || {
        let received = checkout.run(&["herd-logs", "--grep", "received peer=\\S+ line=IAMAT kiwi"]);
        received.lines().count() == sent
    });
    // The next herd begins with empty logs.
    checkout.run(&["herd-down"]);
    checkout.up(&["--herd", file.to_str().unwrap()]);
    assert!(!full.exists());
}
