//! Log injection: whatever bytes arrive, an event is one line of the log without control
//! characters.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use fixtures::checkout::scratch;

use crate::support::{DEADLINE, Node, stop, wait_for_log};
use crate::upstream::Upstream;

/// Text that could start a new line, hide earlier text, or pass for something else.
const HOSTILE: [&[u8]; 34] = [
    b"\x1b[31mred\x1b[0m",
    b"\x1b[2J\x1b[H",
    b"\x1b]0;title\x07",
    b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\",
    b"\x1bc",
    b"\x9b31m",
    "\u{9b}31m".as_bytes(),
    "\u{9d}0;title\u{9c}".as_bytes(),
    "\u{85}next-line".as_bytes(),
    "\u{80}\u{8d}\u{90}\u{9f}".as_bytes(),
    b"over\rwritten",
    b"gone\x08\x08\x08\x08",
    b"nul\0nul",
    b"bell\x07",
    b"tab\tvertical\x0bform\x0cfeed",
    b"del\x7f",
    b"\x01\x02\x03\x04\x05\x06\x0e\x0f\x10\x1a\x1c\x1d\x1e\x1f",
    "\u{202e}drawkcab".as_bytes(),
    "\u{202a}\u{202b}\u{202c}\u{202d}".as_bytes(),
    "\u{2066}\u{2067}\u{2068}\u{2069}".as_bytes(),
    "\u{200e}\u{200f}\u{61c}".as_bytes(),
    "\u{2028}line\u{2029}paragraph".as_bytes(),
    "\u{feff}mark".as_bytes(),
    b"\xff\xfe\x80",
    b"\xc0\x8a\xe0\x80\x8a",
    b"\xed\xa0\x80",
    b"quote\"quote'quote`",
    b"back\\slash\\",
    b"\\n\\u000a\\x0a%0a",
    br#"","level":"ERROR","fields":{"message":"forged"},"x":""#,
    br#"{"timestamp":"2026-01-01T00:00:00.000000Z","level":"ERROR"}"#,
    b"2026-01-01T00:00:00.000000Z ERROR forged",
    b"x\" answered line=\"y",
    b"%s%n{}{0}${jndi:ldap://127.0.0.1/x}$(reboot)",
];

/// Characters that are invisible or change how others are shown.
fn is_unseen(character: char) -> bool {
    let directs =
        matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    character.is_control() || directs || ['\u{61c}', '\u{feff}'].contains(&character)
}

/// The lines of a log, after a check that every character is visible.
fn lines(log: &str) -> Vec<String> {
    let text = std::fs::read_to_string(log).expect("a log is UTF-8");
    let lines: Vec<String> =
        text.strip_suffix('\n').expect("a last line end").split('\n').map(str::to_owned).collect();
    for line in &lines {
        assert!(!line.contains(is_unseen), "{line:?}");
    }
    lines
}

/// A time like 2026-01-01T00:00:00.000000Z.
fn is_time(text: &str) -> bool {
    let shape: String = text.chars().map(|digit| if digit.is_ascii_digit() { '0' } else { digit }).collect();
    shape == "0000-00-00T00:00:00.000000Z"
}

/// Whether a line has the shape of an event: the time, a level and what happened.
fn is_event(line: &str, format: &str) -> bool {
    if format == "json" {
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        let members: Vec<&String> = event.as_object().into_iter().flat_map(serde_json::Map::keys).collect();
        return members == ["fields", "level", "timestamp"]
            && event["timestamp"].as_str().is_some_and(is_time);
    }
    let levels = [" ERROR ", "  WARN ", "  INFO ", " DEBUG "];
    line.split_at_checked(27).is_some_and(|(time, rest)| {
        is_time(time) && levels.iter().any(|level| rest.len() > level.len() && rest.starts_with(level))
    })
}

/// Whether a line of the log contains the whole of a hostile line.
fn tells(line: &str, format: &str, event: &str, about: &[u8]) -> bool {
    let about = about.escape_ascii().to_string();
    if format == "json" {
        let told: serde_json::Value = serde_json::from_str(line).unwrap();
        return told["fields"]["message"] == event && told["fields"]["line"] == about;
    }
    line.contains(&format!(" {event} ")) && line.contains(&format!(" line={about}"))
}

/// The log of a node at level debug, in each format.
fn log_of(test: &str, format: &str) -> String {
    scratch(test).join(format!("{format}.log")).display().to_string()
}

#[test]
fn an_event_is_one_line_whatever_a_client_sends() {
    for format in ["text", "json"] {
        let log = log_of("client-lines", format);
        let mut node = Node::start_with("client-lines", "", |command| {
            command.args(["--log-level", "debug", "--log-format", format, "--log-file", &log])
        });
        let mut said: Vec<Vec<u8>> = Vec::new();
        for hostile in HOSTILE {
            said.push(hostile.to_vec());
            said.push([b"IAMAT ", hostile, b" +1+1 1"].concat());
            said.push([b"IAMAT k +1+1 1", hostile].concat());
            said.push([b"WHATSAT ", hostile, b" 1 0"].concat());
        }
        let mut stream = node.connect();
        stream.write_all(&said.join(&b'\n')).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
        for hostile in HOSTILE {
            let mut stream = node.connect();
            stream.write_all(&[hostile, &b"x".repeat(4097), b"\n"].concat()).unwrap();
            stream.read_to_end(&mut Vec::new()).unwrap();
        }
        stop(&mut node);

        let lines = lines(&log);
        for line in &lines {
            assert!(is_event(line, format), "{line}");
        }
        for line in &said {
            assert!(
                lines.iter().any(|other| tells(other, format, "received", line)),
                "{}",
                line.escape_ascii()
            );
        }
        let count = |event: &str| {
            let (text, json) =
                (format!(" DEBUG {event} peer="), format!("\"fields\":{{\"message\":\"{event}\","));
            lines.iter().filter(|line| line.contains(&text) || line.contains(&json)).count()
        };
        assert_eq!((count("received"), count("answered")), (said.len(), said.len()));
        assert_eq!(count("received the start of a line that is too long"), HOSTILE.len());
        for hostile in HOSTILE {
            let start = [hostile, &b"x".repeat(128)].concat()[..128].to_vec();
            let event = "received the start of a line that is too long";
            assert!(
                lines.iter().any(|other| tells(other, format, event, &start)),
                "{}",
                start.escape_ascii()
            );
        }
    }
}

#[test]
fn an_event_is_one_line_whatever_comes_on_the_link_port() {
    for format in ["text", "json"] {
        let log = log_of("link-lines", format);
        let args = ["--insecure-links", "--log-level", "debug", "--log-format", format, "--log-file", &log];
        let mut node = Node::start_awaiting_with("Alford", "Parker", "link-lines", &args);
        let hello = b"HELLO 5 Parker 0000000000000001 0000000000000001\nCURSOR 0000000000000001 0\n";
        let mut connections = 0;
        for hostile in HOSTILE {
            for said in [
                [hostile, b"\n"].concat(),
                [b"HELLO 5 ", hostile, b" 0000000000000001 0000000000000001\n"].concat(),
                [b"BYE ", hostile, b"\n"].concat(),
                [hello, &b"AT Mallory +0.000000000 "[..], hostile, b" +1+1 1\n", hostile, b"\n"].concat(),
                [hello, &b"BYE "[..], hostile, b"\n"].concat(),
            ] {
                let mut stream = TcpStream::connect(node.link).unwrap();
                stream.set_read_timeout(Some(DEADLINE)).unwrap();
                stream.write_all(&said).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                stream.read_to_end(&mut Vec::new()).unwrap();
                connections += 1;
            }
        }
        stop(&mut node);
        let lines = lines(&log);
        for line in &lines {
            assert!(is_event(line, format), "{line}");
        }
        let ends =
            lines.iter().filter(|line| line.contains("link rejected") || line.contains("link down")).count();
        assert_eq!(ends, connections);
        for hostile in HOSTILE {
            assert!(
                lines.iter().any(|line| tells(line, format, "heard", hostile)),
                "{}",
                hostile.escape_ascii()
            );
        }
    }
}

#[test]
fn an_event_is_one_line_whatever_the_places_service_explains() {
    let hostile =
        "\u{1b}[31m\u{9b}31m\u{202e}\u{2028}\u{85}\u{7f}\r\n2026-01-01T00:00:00.000000Z ERROR forged";
    let body = serde_json::json!({ "error": { "message": hostile } }).to_string();
    let answer = format!(
        "HTTP/1.1 503 Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let upstream = Upstream::start(move |mut stream| stream.write_all(answer.as_bytes()).unwrap());
    for format in ["text", "json"] {
        let log = log_of("explained-once", format);
        let mut node = Node::start_with("explained-once", "", |command| {
            command.args(["--places", "google", "--places-url", &upstream.url]);
            command.args(["--log-format", format, "--log-file", &log]).env("HERD_PLACES_KEY", "key")
        });
        let answers = node.ask(b"IAMAT kiwi +1+1 1\nWHATSAT kiwi 1 1\n");
        assert!(answers.contains("\"UNKNOWN_ERROR\""), "{answers}");
        wait_for_log(&log, "places request failed", 1);
        stop(&mut node);
        let lines = lines(&log);
        for line in &lines {
            assert!(is_event(line, format), "{line}");
        }
        let told: Vec<&String> = lines.iter().filter(|line| line.contains("places request failed")).collect();
        assert!(told.len() == 1 && told[0].contains("forged") && told[0].contains("[31m"), "{told:?}");
    }
}
