//! The incarnations of a node, and its warnings about certificates that expire.

use std::fs;
use std::path::Path;

use herd::tls::{Authority, Hosts};

use crate::links::alford;
use crate::support::{Node, scratch, wait_for_log};

/// The epoch that a new node writes into its journal.
fn epoch_of_a_new_node(folder: &Path) -> u64 {
    let node = Node::start_with("lives", "", |command| command.arg("--data-dir").arg(folder));
    drop(node);
    let journal = fs::read_to_string(folder.join("journal")).unwrap();
    let (_, rest) = journal.split_once(" EPOCH ").expect("a line with the epoch");
    u64::from_str_radix(rest.lines().next().unwrap(), 16).unwrap()
}

#[test]
fn no_two_nodes_begin_the_same_life() {
    let folder = scratch("lives");
    let epochs = ["one", "two"].map(|name| epoch_of_a_new_node(&folder.join(name)));
    assert_ne!(epochs[0], epochs[1]);
    assert!(!epochs.contains(&0), "zero is not an epoch");
}

#[test]
fn a_node_says_at_its_start_how_many_days_its_certificate_has_left() {
    for (days, is_soon) in [(20, true), (60, false)] {
        let test = format!("ends-{days}");
        let folder = scratch(&test);
        let authority = Authority::init(&folder.join("certs")).unwrap();
        let files = authority.add("Alford", &Hosts::default(), days, false).unwrap();
        let log = folder.join("log").display().to_string();
        let node = alford(&test, &folder, &files);
        if is_soon {
            wait_for_log(&log, "certificate expires soon", 1);
        }
        let told = crate::support::whole_log(node, &log);
        assert_eq!(told.contains(" days=19"), is_soon, "{told}");
        assert_eq!(told.contains("certificate expires soon"), is_soon, "{told}");
    }
}
