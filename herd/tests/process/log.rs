//! The content of logs.

use std::fs;
use std::path::Path;

use fixtures::checkout::root;
use serde_json::Value;

use crate::admin::get;
use crate::support::{Node, log_of, scratch, wait_for_log, wait_until};

/// Starts two linked nodes, the first with log level `level`. Returns the log of the first.
fn pair(test: &str, level: &str, links: &[&str]) -> (Node, Node, String) {
    let log = log_of(test);
    let args = ["--admin-address", "127.0.0.1:0", "--log-level", level, "--log-file", &log];
    let alford = Node::start_awaiting_with("Alford", "Parker", test, &[&args, links].concat());
    let parker = Node::start_beside("Parker", ("Alford", &alford), test, |command| command.args(links));
    wait_for_log(&log, "link in sync", 1);
    (alford, parker, log)
}

#[test]
fn heartbeats_are_logged_at_trace_and_other_lines_of_links_at_debug() {
    for (level, heartbeats) in [("debug", false), ("trace", true)] {
        let (alford, _parker, log) = pair(&format!("heartbeats-{level}"), level, &[]);
        wait_until("heartbeats have gone there and back", || {
            get(&alford, "/metrics").1.contains("herd_link_round_trip_seconds{")
        });
        if heartbeats {
            wait_for_log(&log, "line=ALIVE ", 1);
        }
        let text = fs::read_to_string(&log).unwrap();
        assert_eq!(text.contains("line=ALIVE "), heartbeats, "{level}: {text}");
        for line in ["heard from=\"Parker\" line=CURSOR ", "said to=\"Parker\" line=CURSOR "] {
            assert!(text.contains(line), "{level}: {text}");
        }
    }
}

#[test]
fn a_killed_neighbour_is_a_lost_connection_whatever_the_library_or_the_system_calls_it() {
    for (test, links) in [("killed-tls", &[][..]), ("killed-plain", &["--insecure-links"])] {
        let (_alford, parker, log) = pair(test, "debug", links);
        drop(parker);
        wait_for_log(&log, "link down", 1);
        let text = fs::read_to_string(&log).unwrap();
        let down = text.lines().find(|line| line.contains("link down")).unwrap();
        assert!(down.ends_with(" reason=\"connection lost\""), "{down}");
        for alien in ["http", "rustls", "close_notify", "os error"] {
            assert!(!text.contains(alien), "{alien} in {text}");
        }
    }
}

#[test]
fn the_reason_for_a_refusal_is_logged_with_the_line() {
    for (format, told) in [
        ("text", " DEBUG refused peer=127.0.0.1:"),
        ("json", "\"message\":\"refused\",\"peer\":\"127.0.0.1:"),
    ] {
        let test = format!("refused-{format}");
        let log = log_of(&test);
        let node = Node::start_with(&test, "distinct_clients = 1\nline_bytes = 50", |command| {
            command.args(["--log-level", "debug", "--log-format", format, "--log-file", &log])
        });
        let long = "x".repeat(60);
        node.ask(format!("IAMAT kiwi +1+1 16..5\nIAMAT kiwi +1+1 1\nIAMAT plum +1+1 1\n{long}\n").as_bytes());
        let text = crate::support::whole_log(node, &log);
        let reasons: Vec<&str> = text.lines().filter(|line| line.contains(told)).collect();
        assert_eq!(reasons.len(), 3, "{text}");
        for (line, reason) in reasons.iter().zip([
            "the time `16..5`: expected seconds since 1970",
            "the client `plum` is new, and the table of clients is full (distinct_clients)",
            "the line is too long: it exceeds line_bytes",
        ]) {
            assert!(line.contains(reason), "{reason}: {line}");
        }
    }
}

#[test]
fn what_a_node_has_done_is_logged_in_fields_when_it_stops() {
    let log = scratch("sums").join("log").display().to_string();
    let mut node = Node::start_with("sums", "", |command| {
        command.args(["--log-format", "json", "--log-file", &log, "--places", "offline"])
    });
    node.ask(b"IAMAT kiwi +34.0-118.4 1\nWHATSAT kiwi 10 1\n");
    drop(node.process.stdin.take());
    assert!(node.wait().success());
    let text = fs::read_to_string(&log).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let fields = |message: &str| {
        let found = events.iter().map(|event| &event["fields"]).find(|fields| fields["message"] == message);
        found.unwrap_or_else(|| panic!("{message} in {text}"))
    };
    let service = fields("places service");
    assert_eq!((&service["requests"], &service["mean_seconds"]), (&0.into(), &0.0.into()));
    let asked = fields("places asked for");
    assert_eq!((&asked["outcome"], &asked["questions"]), (&"ok".into(), &1.into()));
    assert_eq!(fields("updates flooded")["sent"], 0);
}

#[test]
fn a_full_log_is_renamed_and_no_line_is_lost() {
    let log = log_of("full");
    let full = format!("{log}.old");
    let node = Node::start_with("full", "log_file_bytes = 20000", |command| {
        command.args(["--log-level", "debug", "--log-file", &log])
    });
    let both = || [&full, &log].map(|path| fs::read_to_string(path).unwrap_or_default());
    let mut sent = 0;
    // Until the file that was full first has been replaced.
    while !both()[0].contains("line=x999\n") {
        let lines: String = (sent..sent + 10).map(|number| format!("x{number}\n")).collect();
        node.ask(lines.as_bytes());
        sent += 10;
        assert!(sent <= 10_000, "the log has no bound");
    }
    let last = format!("line=x{}\n", sent - 1);
    wait_until("the last line is logged", || both().concat().contains(&last));
    let [old, new] = both();
    assert!((20_000..40_000).contains(&old.len()) && new.len() < 40_000, "{} {}", old.len(), new.len());
    let text = old + &new;
    let received = text.lines().filter(|line| line.contains(" received "));
    let numbers: Vec<usize> =
        received.map(|line| line.rsplit_once("line=x").unwrap().1.parse().unwrap()).collect();
    assert_eq!(numbers, (sent - numbers.len()..sent).collect::<Vec<_>>());
}

/// The arguments of every call of a macro of `tracing` in a source text.
fn events(source: &str) -> Vec<&str> {
    let starts = ["trace!(", "debug!(", "info!(", "warn!(", "error!("];
    let calls = starts.iter().flat_map(|start| source.match_indices(start).map(|(at, _)| at + start.len()));
    calls
        .filter_map(|at| {
            let mut depth = 1;
            let end = source[at..].char_indices().find(|(_, character)| {
                depth += match character {
                    '(' => 1,
                    ')' => -1,
                    _ => 0,
                };
                depth == 0
            });
            end.map(|(end, _)| &source[at..at + end])
        })
        .collect()
}

/// Calls `look` with every source file of the node.
fn for_each_source(folder: &Path, look: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            for_each_source(&path, look);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            look(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn messages_of_events_hold_no_values_since_these_are_fields() {
    let mut seen = 0;
    for_each_source(&root().join("herd/src"), &mut |path, source| {
        for event in events(source) {
            seen += 1;
            // The names of the events of `Repeats` are values, but only of a few constants.
            let message = event.replace("\"{what}\"", "").replace("\"{what}, again\"", "");
            let glued = message.split('"').skip(1).step_by(2).any(|literal| literal.contains('{'));
            assert!(!glued, "{}: {event}", path.display());
        }
    });
    assert!(seen > 40, "{seen}");
}
