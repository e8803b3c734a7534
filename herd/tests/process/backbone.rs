//! A node on a backbone that cannot be reached. `xtask/tests/backbone` has nodes on real
//! servers.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use fixtures::checkout::scratch;
use serde_json::Value;

use crate::admin::get;
use crate::support::{IAMAT, Node, herd, log_of, wait_for_log, wait_until, whole_log};

/// The herd file of one node, with a backbone on a port where nobody listens.
fn herd_file(more: &str) -> String {
    format!(
        "name = \"one\"\n[[node]]\nname = \"Alford\"\nclient = \"127.0.0.1:0\"\nlink = \"127.0.0.1:2\"\n\
         [backbone]\nnats = [\"nats://127.0.0.1:1\"]\n{more}"
    )
}

#[test]
fn clients_are_served_as_always_and_operators_learn_of_it() {
    let log = log_of("backbone-away");
    let node = Node::run("Alford", "backbone-away", &herd_file(""), |command| {
        command.args(["--admin-address", "127.0.0.1:0", "--log-file", &log])
    });
    assert!(node.ask(IAMAT.as_bytes()).starts_with("AT Alford "));
    let status = || serde_json::from_str::<Value>(&get(&node, "/status").1).unwrap();
    wait_until("the update is known to wait", || status()["backbone"]["lag_seconds"].as_f64() > Some(0.0));
    assert_eq!(status()["backbone"]["connected"], false);
    assert_eq!(status()["backbone"]["region"], "one");
    assert_eq!(status()["ready"], true);
    wait_for_log(&log, "nothing is read from other regions", 1);
    // Two more attempts are not logged.
    let waited = || status()["backbone"]["lag_seconds"].as_f64() > Some(2.0);
    wait_until("the node has tried again", waited);
    let log = whole_log(node, &log);
    for text in ["nothing is published to other regions", "nothing is read from other regions"] {
        assert_eq!(log.matches(text).count(), 1, "{log}");
    }
}

#[test]
fn credentials_that_others_can_read_are_refused_and_not_shown() {
    let folder = scratch("backbone-creds");
    let creds = folder.join("herd.creds");
    fs::write(&creds, "hunter2").unwrap();
    fs::set_permissions(&creds, Permissions::from_mode(0o644)).unwrap();
    let file = folder.join("herd.toml");
    fs::write(&file, herd_file("creds = \"herd.creds\"\n")).unwrap();
    let file = file.display().to_string();
    for args in [&["Alford", "--config", &file][..], &["check-config", &file]] {
        let output = herd("backbone-creds").args(args).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(errors.contains("others can read it (mode 644): chmod 600 it"), "{errors}");
        assert!(!errors.contains("hunter2"), "{errors}");
    }
}
