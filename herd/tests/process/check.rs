//! `herd check`: what monitoring sees of a node.

use std::fs;
use std::net::TcpListener;

use crate::admin::get;
use crate::support::{Node, herd, scratch};

/// Runs `herd check`. Returns its exit code, and what it prints on both streams.
fn check(test: &str, arguments: &[&str]) -> (i32, String) {
    let output = herd(test).arg("check").args(arguments).output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code().unwrap(), text)
}

#[test]
fn a_node_is_ok_or_slow_in_the_terms_of_monitoring_plugins_and_keeps_nothing() {
    let node = Node::start_with("check", "", |command| command.args(["--admin-address", "127.0.0.1:0"]));
    let address = node.client.to_string();
    let patient = ["--warn", "1h", "--critical", "2h"];
    let (code, text) = check("check", &[&[&*address], &patient[..]].concat());
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with(&format!("OK: {address} answered in ")), "{text}");
    assert!(text.ends_with("s;3600.000000;7200.000000;0\n") && text.lines().count() == 1, "{text}");
    let (code, text) = check("check", &[&address, "--warn", "0s", "--critical", "2h"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.starts_with("WARNING: "), "{text}");
    let status: serde_json::Value = serde_json::from_str(&get(&node, "/status").1).unwrap();
    assert_eq!((&status["clients"], &status["lines"]["invalid"]), (&0.into(), &2.into()));
}

#[test]
fn a_node_that_does_not_answer_is_critical() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (code, text) = check("check-silent", &[&address, "--warn", "0s", "--critical", "50ms"]);
    assert_eq!((code, text), (2, format!("CRITICAL: no answer from {address} within 50ms\n")));
    drop(listener);
    let (code, text) = check("check-silent", &[&address]);
    assert_eq!(code, 2);
    assert!(
        text.starts_with(&format!("CRITICAL: cannot connect to {address}: connection refused: ")),
        "{text}"
    );
    let full = Node::start("check-full", "client_connections = 1");
    let _client = full.connect();
    let address = full.client.to_string();
    let expected = format!("CRITICAL: {address} has as many clients as it may (client_connections)\n");
    assert_eq!(check("check-full", &[&address, "--critical", "10s"]), (2, expected));
}

#[test]
fn a_check_that_cannot_run_is_unknown() {
    let missing = scratch("check-wrong").join("missing.pem").display().to_string();
    let garbage = scratch("check-wrong").join("garbage.pem").display().to_string();
    fs::write(&garbage, "no certificate\n").unwrap();
    for (arguments, told) in [
        (&["127.0.0.1"][..], "is not an address"),
        (&["127.0.0.1:1", "--ca", &missing], "UNKNOWN: cannot read "),
        (&["127.0.0.1:1", "--ca", &garbage], "holds no certificate"),
        (&["127.0.0.1:1", "--warn", "3s"], "UNKNOWN: --warn 3s is more than --critical 2s"),
        (&["127.0.0.1:1", "--nosuch"], "unexpected argument"),
        (&[], "HOST:PORT"),
    ] {
        let (code, text) = check("check-wrong", arguments);
        assert_eq!(code, 3, "{arguments:?}: {text}");
        assert!(text.contains(told), "{arguments:?}: {text}");
    }
    assert_eq!(check("check-wrong", &["--help"]).0, 0);
}
