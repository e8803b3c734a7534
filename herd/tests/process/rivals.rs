//! Two processes with one name.

use std::fs;
use std::time::{Duration, Instant};

use fixtures::checkout::scratch;

use crate::support::{IAMAT, Node, log_of, wait_for_log, wait_until};

#[test]
fn two_processes_with_one_name_are_told_and_take_turns_slowly() {
    let test = "rivals";
    let log = log_of(test);
    let alford = Node::start_awaiting_with("Alford", "Parker", test, &["--log-file", &log]);
    let start = |number: u8| {
        let log = scratch(test).join(format!("rival-{number}")).display().to_string();
        let args = ["--log-file", &log];
        (Node::start_beside("Parker", ("Alford", &alford), test, |command| command.args(args)), log.clone())
    };
    let rivals = [1, 2].map(start);
    let warning = "several processes have this neighbour's name";
    wait_for_log(&log, warning, 1);
    let links = || fs::read_to_string(&log).unwrap().matches("link up").count();
    let (before, since) = (links(), Instant::now());
    wait_until("the link has changed three times more", || links() >= before + 3);
    // The first change may have been in progress.
    assert!(since.elapsed() >= Duration::from_millis(1900), "{:?}", since.elapsed());

    let told = fs::read_to_string(&log).unwrap();
    let told: Vec<&str> = told.lines().filter(|line| line.contains(warning)).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("WARN") && told[0].matches("127.0.0.1:").count() == 2, "{told:?}");
    for (_, log) in &rivals {
        wait_for_log(log, "several processes have this node's name", 1);
    }

    let [(first, _), (second, _)] = rivals;
    drop(first);
    alford.ask(IAMAT.as_bytes());
    wait_until("the last one knows", || second.ask(b"WHATSAT kiwi 10 0\n").starts_with("AT Alford "));
}
