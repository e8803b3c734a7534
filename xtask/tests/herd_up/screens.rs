//! The tables of `herd-up` and `herd-status`.

use std::os::unix::process::ExitStatusExt;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::checkout::{Checkout, wait_until};

/// Returns what a command prints if standard output has this number of columns.
fn screen(checkout: &Checkout, columns: &str, arguments: &[&str]) -> String {
    let output = checkout.command(arguments).env("COLUMNS", columns).output().unwrap();
    assert_eq!(output.status.into_raw(), 0, "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    // Replace the ports by those of the classroom herds.
    let text = String::from_utf8(output.stdout).unwrap();
    (0..15).fold(text, |text, number| {
        text.replace(&format!(":{}", checkout.ports.first() + number), &format!(":{}", 12_480 + number))
    })
}

/// Returns filters for what differs from run to run: uptimes, and links that are coming up.
fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"(\d+m )?\d+s {3,}", "[up]    ");
    settings.add_filter(r"(\d+m )?\d+s\n", "[up]\n");
    settings.add_filter(r" \d/(\d) ", " n/$1 ");
    settings
}

#[test]
fn screens_fit_80_columns_and_show_more_on_160() {
    let checkout = Checkout::new("screens");
    let base = checkout.ports.first().to_string();
    let up = |columns| screen(&checkout, columns, &["herd-up", "--detach", "--base-port", &base]);
    settings().bind(|| {
        insta::assert_snapshot!(up("80"), @r"
        herd 2015-winter

        NODE      STATE  CLIENTS  LINKS  ADDRESS          ADMIN            UPTIME
        Alford    ready  0        n/2    127.0.0.1:12480  127.0.0.1:12490  [up]
        Bolden    ready  0        n/2    127.0.0.1:12481  127.0.0.1:12491  [up]
        Hamilton  ready  0        n/1    127.0.0.1:12482  127.0.0.1:12492  [up]
        Parker    ready  0        n/3    127.0.0.1:12483  127.0.0.1:12493  [up]
        Powell    ready  0        n/2    127.0.0.1:12484  127.0.0.1:12494  [up]

        Talk to a node:  cargo xtask say Alford 'IAMAT kiwi +34.0689-118.4451 1520023934.9'
                         telnet localhost PORT, with a PORT from the ADDRESS column
        Look at a node:  curl 127.0.0.1:PORT/status, with a PORT from the ADMIN column
        See also:        cargo xtask herd-status --watch | herd-logs -f | herd-restart
        Break it:        cargo xtask herd-kill | herd-pause | herd-cut; herd-heal mends it
        Lines logged:    on (level debug); off with `cargo xtask herd-logs --lines off`
        Stop it with `cargo xtask herd-down`.
        ");
        insta::assert_snapshot!(screen(&checkout, "80", &["herd-status"]), @r"
        NODE      STATE  CLIENTS  LINKS  ADDRESS          ADMIN            UPTIME
        Alford    ready  0        n/2    127.0.0.1:12480  127.0.0.1:12490  [up]
        Bolden    ready  0        n/2    127.0.0.1:12481  127.0.0.1:12491  [up]
        Hamilton  ready  0        n/1    127.0.0.1:12482  127.0.0.1:12492  [up]
        Parker    ready  0        n/3    127.0.0.1:12483  127.0.0.1:12493  [up]
        Powell    ready  0        n/2    127.0.0.1:12484  127.0.0.1:12494  [up]
        ");
        checkout.run(&["herd-down"]);
        insta::assert_snapshot!(up("160"), @r"
        herd 2015-winter

        NODE      STATE  CLIENTS  LINKS  ADDRESS          ADMIN            UPTIME  DURABILITY  IAMAT P50/P99  LINK ADDRESS     NEIGHBOURS
        Alford    ready  0        n/2    127.0.0.1:12480  127.0.0.1:12490  [up]    everysec    -              127.0.0.1:12485  Parker,Powell
        Bolden    ready  0        n/2    127.0.0.1:12481  127.0.0.1:12491  [up]    everysec    -              127.0.0.1:12486  Parker,Powell
        Hamilton  ready  0        n/1    127.0.0.1:12482  127.0.0.1:12492  [up]    everysec    -              127.0.0.1:12487  Parker
        Parker    ready  0        n/3    127.0.0.1:12483  127.0.0.1:12493  [up]    everysec    -              127.0.0.1:12488  Alford,Bolden,Hamilton
        Powell    ready  0        n/2    127.0.0.1:12484  127.0.0.1:12494  [up]    everysec    -              127.0.0.1:12489  Alford,Bolden

        Talk to a node:  cargo xtask say Alford 'IAMAT kiwi +34.0689-118.4451 1520023934.9'
                         telnet localhost PORT, with a PORT from the ADDRESS column
        Look at a node:  curl 127.0.0.1:PORT/status, with a PORT from the ADMIN column
        See also:        cargo xtask herd-status --watch | herd-logs -f | herd-restart
        Break it:        cargo xtask herd-kill | herd-pause | herd-cut; herd-heal mends it
        Lines logged:    on (level debug); off with `cargo xtask herd-logs --lines off`
        Stop it with `cargo xtask herd-down`.
        ");
        insta::assert_snapshot!(screen(&checkout, "160", &["herd-status"]), @r"
        NODE      STATE  CLIENTS  LINKS  ADDRESS          ADMIN            UPTIME  DURABILITY  IAMAT P50/P99  LINK ADDRESS     NEIGHBOURS
        Alford    ready  0        n/2    127.0.0.1:12480  127.0.0.1:12490  [up]    everysec    -              127.0.0.1:12485  Parker,Powell
        Bolden    ready  0        n/2    127.0.0.1:12481  127.0.0.1:12491  [up]    everysec    -              127.0.0.1:12486  Parker,Powell
        Hamilton  ready  0        n/1    127.0.0.1:12482  127.0.0.1:12492  [up]    everysec    -              127.0.0.1:12487  Parker
        Parker    ready  0        n/3    127.0.0.1:12483  127.0.0.1:12493  [up]    everysec    -              127.0.0.1:12488  Alford,Bolden,Hamilton
        Powell    ready  0        n/2    127.0.0.1:12484  127.0.0.1:12494  [up]    everysec    -              127.0.0.1:12489  Alford,Bolden
        ");
    });
    let log = checkout.folder.join("2015-winter").join("Powell.log").display().to_string();
    assert!(checkout.run(&["herd-status", "--wide"]).contains(&log));
    assert!(!checkout.run(&["herd-status"]).contains(&log));
}

#[test]
fn the_states_not_ready_not_answering_and_down_are_distinct() {
    let checkout = Checkout::new("states");
    checkout.up(&["--nodes", "5", "--graph", "line"]);
    let states = || checkout.nodes().iter().map(|node| node["state"].clone()).collect::<Vec<Value>>();
    assert_eq!(states(), ["ready"; 5]);
    let paused = Pid::from_raw(checkout.pids()[4]);
    kill(paused, Signal::SIGSTOP).unwrap();
    checkout.run(&["herd-kill", "Node2"]);
    let expected = ["not ready", "down", "ready", "ready", "not answering"];
    wait_until("Node1 has noticed that its only neighbour is down", || states() == expected);

    let output = checkout.xtask(&["herd-status"]);
    assert_eq!(output.status.code(), Some(1));
    let port = checkout.ports.first() + 14;
    let reasons = format!(
        "Node1 is not ready: no neighbour is linked\n\
         Node5 is not answering: no answer from http://127.0.0.1:{port}/status within 1s\n"
    );
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.ends_with(&reasons), "{stdout}");
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: not ready: Node1; not answering: Node5; down: Node2; \
         restart with `cargo xtask herd-restart Node5 Node2`\n"
    );
    let reasons = checkout.nodes().iter().map(|node| node["reasons"][0].clone()).collect::<Vec<_>>();
    assert_eq!(reasons[0], "no neighbour is linked");
    assert!(reasons[1..4].iter().all(Value::is_null), "{reasons:?}");

    kill(paused, Signal::SIGCONT).unwrap();
    checkout.run(&["herd-restart", "Node2"]);
    wait_until("all are ready", || states() == ["ready"; 5]);
}
