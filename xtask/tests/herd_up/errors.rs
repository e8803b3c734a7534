//! The errors of `herd-up` and of commands on a running herd.

use std::fs;
use std::net::TcpListener;

use crate::checkout::Checkout;

#[test]
fn the_error_for_a_second_herd_says_how_to_stop_the_first() {
    let checkout = Checkout::new("second");
    checkout.up(&[]);
    let stderr = checkout.fail(&["herd-up", "--detach"]);
    assert!(stderr.contains("cargo xtask herd-down"), "{stderr}");
    assert_eq!(checkout.pids().len(), 5);
}

#[test]
fn a_herd_whose_name_leads_out_of_the_run_folder_is_an_error() {
    let checkout = Checkout::new("named");
    fs::create_dir_all(&checkout.folder).unwrap();
    let file = checkout.folder.join("herd.toml");
    for name in ["../elsewhere", "/elsewhere", "..", ""] {
        let node = "[[node]]\nname = \"A\"\nclient = \"127.0.0.1:1\"\nlink = \"127.0.0.1:2\"\n";
        fs::write(&file, format!("name = \"{name}\"\n{node}")).unwrap();
        let base = checkout.ports.first().to_string();
        let stderr =
            checkout.fail(&["herd-up", "--detach", "--base-port", &base, "--herd", file.to_str().unwrap()]);
        assert!(stderr.contains("choose a name without slashes"), "{stderr}");
    }
}

#[test]
fn the_error_for_a_port_in_use_names_its_node_and_no_node_is_left() {
    let checkout = Checkout::new("taken");
    let port = checkout.ports.first() + 7;
    let taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let base = checkout.ports.first().to_string();
    let stderr = checkout.fail(&["herd-up", "--detach", "--base-port", &base]);
    let expected = format!("port {port}, which Hamilton needs for its links, is in use");
    assert!(stderr.contains(&expected), "{stderr}");
    drop(taken);
    let port = checkout.ports.first() + 14;
    let taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let stderr = checkout.fail(&["herd-up", "--detach", "--base-port", &base]);
    let expected = format!("port {port}, which Powell needs for its operators, is in use");
    assert!(stderr.contains(&expected), "{stderr}");
    drop(taken);
    assert!(checkout.fail(&["herd-status"]).contains("no herd"));
    checkout.up(&[]);
}

#[test]
fn the_error_for_a_places_file_that_is_not_there_names_it() {
    let checkout = Checkout::new("placeless");
    let base = checkout.ports.first().to_string();
    let stderr = checkout.fail(&["herd-up", "--detach", "--base-port", &base, "--places-file", "nosuch.bin"]);
    assert!(stderr.contains("nosuch.bin: No such file"), "{stderr}");
    assert!(checkout.fail(&["herd-status"]).contains("no herd"));
}

#[test]
fn the_error_for_an_unknown_node_lists_the_nodes() {
    let checkout = Checkout::new("unknown");
    checkout.up(&["--nodes", "2"]);
    for arguments in [
        &["herd-kill", "Alford"][..],
        &["herd-restart", "Alford"],
        &["herd-logs", "Alford"],
        &["say", "Alford", "x"],
    ] {
        let stderr = checkout.fail(arguments);
        assert!(stderr.contains("no node is called Alford: the nodes are Node1, Node2"), "{stderr}");
    }
}
