//! The level of the log, and changing it while the node runs.

use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::admin::{get, request};
use crate::removal::{TOKEN, bearer, token_file};
use crate::support::{Node, log_of, stop, wait_for_log, wait_until};

/// The lines of a log about a client's line.
fn received(log: &str, line: &str) -> usize {
    fs::read_to_string(log).unwrap().matches(&format!(" line={line}\n")).count()
}

/// Requests a change of the level. Returns the status and the body.
fn put(node: &Node, level: &str, header: &str) -> (u16, String) {
    let length = level.len();
    let text = format!("PUT /log-level HTTP/1.0\r\n{header}Content-Length: {length}\r\n\r\n{level}");
    let (head, body) = request(node, &text);
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
}

/// The level that a node shows.
fn level(node: &Node) -> String {
    let status: serde_json::Value = serde_json::from_str(&get(node, "/status").1).unwrap();
    let shown = get(node, "/log-level").1;
    assert_eq!(shown, format!("{}\n", status["log_level"].as_str().unwrap()));
    shown.trim().to_owned()
}

#[test]
fn a_signal_switches_the_lines_in_the_log_on_and_off() {
    let log = log_of("toggled");
    let args = ["--log-file", &log, "--admin-address", "127.0.0.1:0"];
    let mut node = Node::start_with("toggled", "", |command| command.args(args));
    let toggle = || kill(Pid::from_raw(node.process.id() as i32), Signal::SIGUSR1).unwrap();
    assert_eq!(level(&node), "info");
    node.ask(b"IAMAT before +1+1 1\n");
    toggle();
    wait_for_log(&log, "log level changed level=\"debug\" before=\"info\"", 1);
    assert_eq!(level(&node), "debug");
    node.ask(b"IAMAT during +1+1 1\n");
    toggle();
    wait_for_log(&log, "log level changed level=\"info\" before=\"debug\"", 1);
    wait_until("it is switched off", || level(&node) == "info");
    node.ask(b"IAMAT after +1+1 1\n");
    stop(&mut node);
    for (client, times) in [("before", 0), ("during", 1), ("after", 0)] {
        assert_eq!(received(&log, &format!("IAMAT {client} +1+1 1")), times, "{client}");
    }
}

#[test]
fn a_request_with_the_token_changes_the_level() {
    let file = token_file("level", TOKEN, 0o600);
    let log = log_of("level");
    let mut node = Node::start_with("level", "", |command| {
        command.args(["--admin-address", "127.0.0.1:0", "--admin-token-file", &file, "--log-file", &log])
    });
    assert_eq!(put(&node, "debug\n", &bearer(TOKEN)), (200, "debug\n".to_owned()));
    node.ask(b"IAMAT kiwi +1+1 1\n");
    for given in ["", "loud", "debug trace", "\u{1b}[2J"] {
        let expected = "expected a level: error, warn, info, debug or trace\n".to_owned();
        assert_eq!(put(&node, given, &bearer(TOKEN)), (400, expected), "{given}");
    }
    assert_eq!(level(&node), "debug");
    assert_eq!(put(&node, "ERROR", &bearer(TOKEN)), (200, "error\n".to_owned()));
    assert_eq!(level(&node), "error");
    node.ask(b"IAMAT plum +1+1 1\n");
    stop(&mut node);
    assert_eq!((received(&log, "IAMAT kiwi +1+1 1"), received(&log, "IAMAT plum +1+1 1")), (1, 0));
}

#[test]
fn a_request_without_the_token_or_for_a_foreign_host_changes_nothing() {
    let file = token_file("level-refused", TOKEN, 0o600);
    let node = Node::start_with("level-refused", "", |command| {
        command.args(["--admin-address", "127.0.0.1:0", "--admin-token-file", &file])
    });
    let foreign = format!("Host: evil.example.org\r\n{}", bearer(TOKEN));
    for (header, refusal) in
        [(String::new(), 401), (bearer("wrong-horse-battery-staple"), 401), (foreign, 421)]
    {
        let (status, body) = put(&node, "debug", &header);
        assert_eq!((status, body.contains(TOKEN)), (refusal, false), "{header}{body}");
    }
    assert_eq!(level(&node), "info");
    let node =
        Node::start_with("level-no-token", "", |command| command.args(["--admin-address", "127.0.0.1:0"]));
    let (status, body) = put(&node, "debug", &bearer(TOKEN));
    assert!(
        status == 403 && body.contains("--admin-token-file") && body.contains("SIGUSR1"),
        "{status} {body}"
    );
    assert_eq!(level(&node), "info");
}

#[test]
fn the_log_on_a_terminal_has_colours() {
    let terminal = openpty(None, None).unwrap();
    let slave: OwnedFd = terminal.slave;
    let mut node = Node::start_with("terminal", "", |command| {
        command.args(["--log-level", "debug"]).stderr(Stdio::from(slave))
    });
    node.ask(b"IAMAT kiwi +1+1 1\n");
    stop(&mut node);
    let mut shown = Vec::new();
    // Reading fails once the terminal has no other end.
    let _ = fs::File::from(terminal.master).read_to_end(&mut shown);
    let shown = String::from_utf8(shown).unwrap();
    for part in
        ["\u{1b}[32m INFO\u{1b}[0m node started", "\u{1b}[34mDEBUG\u{1b}[0m received \u{1b}[3mpeer\u{1b}[0m"]
    {
        assert!(shown.contains(part), "{shown}");
    }
}
