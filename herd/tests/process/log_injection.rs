//! Whatever a client sends, the log has one line an event, and nothing that a terminal would obey.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;

use fixtures::bad_input::{BadInput, Future};

use crate::support::{Node, wait_until};

/// Lines that try to look like other lines of a log.
const FAKES: [&str; 6] = [
    "x\r2026-01-01T00:00:00.000000Z  WARN link down neighbour=\"Parker\"",
    "x\\n2026-01-01T00:00:00.000000Z ERROR everything is lost",
    "x\u{85}2026-01-01T00:00:00.000000Z ERROR everything is lost",
    "x\u{2028}2026-01-01T00:00:00.000000Z ERROR everything is lost",
    "x\"},\"level\":\"ERROR\",\"fields\":{\"message\":\"lost\"}}",
    "IAMAT \u{9b}2J\u{202e}evil\u{2066} +1+1 1",
];

/// Says everything to a node that logs at debug, and returns its log once all of it is there.
fn log_of(format: &str) -> String {
    let log = format!("{}/injection-{format}.log", env!("CARGO_TARGET_TMPDIR"));
    let _ = fs::remove_file(&log);
    let node = Node::start_with(&format!("injection-{format}"), "", |command| {
        command.args(["--log-level", "debug", "--log-format", format, "--log-file", &log])
    });
    let table = BadInput::read(Future::Bounded).unwrap().cases.into_iter().map(|case| case.sent);
    let said = table.chain(FAKES.map(|line| format!("{line}\n").into_bytes()));
    let mut lines = 0;
    for line in said {
        let mut stream = node.connect();
        stream.write_all(&line).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
        lines += 1;
    }
    let text = || String::from_utf8(fs::read(&log).unwrap()).expect("a log is UTF-8");
    let closed = |text: &str| text.matches("client closed").count() + text.matches("closing client").count();
    wait_until("all of it is in the log", || closed(&text()) >= lines);
    let text = text();
    // The start of the node; and of each: connected, received, closed, and mostly answered.
    assert_eq!(text.matches("client connected").count(), lines);
    assert!((3 * lines..=4 * lines + 1).contains(&text.lines().count()), "{} lines", text.lines().count());
    text
}

/// What changes how a terminal shows the rest, or what a tool takes for the end of a line.
fn is_obeyed(character: char) -> bool {
    character.is_control() && character != '\n'
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[test]
fn a_log_of_text_has_one_line_an_event_and_no_control_characters() {
    let text = log_of("text");
    for line in text.lines() {
        let (time, event) = line.split_at_checked(28).expect("a time");
        assert!(time.starts_with("2") && time.ends_with("Z ") && time.as_bytes()[10] == b'T', "{line:?}");
        assert!(["DEBUG ", " INFO ", " WARN "].iter().any(|level| event.starts_with(level)), "{line:?}");
        assert!(!line.contains(is_obeyed), "{line:?}");
    }
}

#[test]
fn a_log_of_json_has_one_object_an_event() {
    for line in log_of("json").lines() {
        let event: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        assert!(["DEBUG", "INFO", "WARN"].contains(&event["level"].as_str().unwrap()), "{line:?}");
        assert!(!line.contains(is_obeyed), "{line:?}");
    }
}
