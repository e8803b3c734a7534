//! The stream of events on the admin port.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::admin::request;
use crate::support::{DEADLINE, IAMAT, Node, stop};

/// A reader of a node's events.
pub(crate) struct Feed(BufReader<TcpStream>);

/// One event: its id, its kind and its data.
#[derive(Debug)]
pub(crate) struct Event {
    id: u64,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

impl Feed {
    /// Begins to read the events of a node, and checks the greeting.
    pub(crate) fn open(node: &Node) -> Feed {
        let (feed, hello) = Feed::resume(node, "");
        assert_eq!((hello.kind.as_str(), hello.data), ("hello", json!({ "name": "Alford" })));
        feed
    }

    /// The same with a further header; also returns the first event.
    fn resume(node: &Node, header: &str) -> (Feed, Event) {
        let mut stream = TcpStream::connect(node.admin.expect("an admin port")).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(format!("GET /events HTTP/1.0\r\n{header}\r\n").as_bytes()).unwrap();
        let mut feed = Feed(BufReader::new(stream));
        let head: Vec<String> = std::iter::from_fn(|| feed.line().filter(|line| !line.is_empty())).collect();
        assert_eq!(head[0], "HTTP/1.0 200 OK");
        assert!(head.iter().any(|line| line == "content-type: text/event-stream"), "{head:?}");
        let first = feed.next().unwrap();
        (feed, first)
    }

    /// The next event; `None` at the end of the stream.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let mut fields: [Option<String>; 3] = [const { None }; 3];
        loop {
            let line = self.line()?;
            if line.is_empty() {
                if let [Some(id), Some(kind), Some(data)] = fields {
                    let id = id.parse().unwrap();
                    return Some(Event { id, kind, data: serde_json::from_str(&data).unwrap() });
                }
                assert_eq!(fields, [None, None, None], "an event has all three fields");
                continue;
            }
            let (name, value) = line.split_once(':').unwrap();
            let value = value.trim_start().to_owned();
            match name {
                "id" => fields[0] = Some(value),
                "event" => fields[1] = Some(value),
                "data" => fields[2] = Some(value),
                name => assert_eq!(name, "", "a comment"),
            }
        }
    }

    /// The next event of a kind.
    pub(crate) fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let event = self.next().expect("the stream goes on");
            if event.kind == kind {
                return event.data;
            }
        }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).unwrap();
        (read > 0).then(|| line.trim_end().to_owned())
    }
}

/// Starts a node without neighbours.
pub(crate) fn start(test: &str, limits: &str) -> Node {
    Node::start_with(test, limits, |command| command.args(["--admin-address", "127.0.0.1:0"]))
}

#[test]
fn an_update_is_told_with_its_place_its_node_and_its_age() {
    let node = start("events-update", "");
    let mut feed = Feed::open(&node);
    node.ask(IAMAT.as_bytes());
    node.ask(IAMAT.as_bytes());
    let told = feed.next_of("updates");
    assert_eq!(told["left_out"], 0);
    let [update] = &told["updates"].as_array().unwrap()[..] else { panic!("{told}") };
    let expected = json!({
        "client": "kiwi", "latitude": 34.06893, "longitude": -118.445127, "removed": false,
        "origin": "Alford", "from": null, "age_seconds": update["age_seconds"], "at_ms": update["at_ms"],
    });
    assert_eq!(*update, expected);
    let (age, at) = (update["age_seconds"].as_f64().unwrap(), update["at_ms"].as_f64().unwrap());
    assert!((at / 1000.0 - age - 1_520_023_934.919).abs() < 0.01, "{update}");
    node.ask(b"IAMAT plum +1+1 1\n");
    assert_eq!(feed.next_of("updates")["updates"][0]["client"], "plum", "a stale report is no news");
}

#[test]
fn a_client_id_is_escaped_as_in_the_log() {
    let node = start("events-escape", "");
    let mut feed = Feed::open(&node);
    node.ask("IAMAT <b>\\caf\u{e9}\" +1-1 1\n".as_bytes());
    assert_eq!(feed.next_of("updates")["updates"][0]["client"], r#"<b>\\caf\xc3\xa9\""#);
}

#[test]
fn what_is_not_sampled_is_counted() {
    let node = start("events-sampled", "");
    let mut feed = Feed::open(&node);
    let reports: String = (0..1000).map(|client| format!("IAMAT client-{client} +1+1 1\n")).collect();
    node.ask(reports.as_bytes());
    let (mut told, mut left_out) = (0, 0);
    while told + left_out < 1000 {
        let event = feed.next_of("updates");
        let updates = event["updates"].as_array().unwrap().len() as u64;
        assert!(updates <= 10, "{event}");
        told += updates;
        left_out += event["left_out"].as_u64().unwrap();
    }
    assert_eq!(told + left_out, 1000);
    assert!(left_out > 0);
}

#[test]
fn ids_grow_by_one_and_a_reader_resumes_after_its_last_event() {
    let node = start("events-resume", "admin_events = 3");
    let mut feed = Feed::open(&node);
    let mut ids = Vec::new();
    for time in 1..=5 {
        node.ask(format!("IAMAT kiwi +1+1 {time}\n").as_bytes());
        ids.push(feed.next().unwrap().id);
    }
    assert!(ids.is_sorted_by(|one, next| one + 1 == *next), "{ids:?}");

    let (mut resumed, hello) = Feed::resume(&node, &format!("Last-Event-ID: {}\r\n", ids[2]));
    assert_eq!((hello.kind.as_str(), hello.id), ("hello", ids[2]));
    assert_eq!(resumed.next().unwrap().id, ids[3]);
    let (mut late, _) = Feed::resume(&node, &format!("Last-Event-ID: {}\r\n", ids[0]));
    let missed = late.next().unwrap();
    assert_eq!((missed.kind.as_str(), missed.data, missed.id), ("missed", json!({ "events": 1 }), ids[1]));
    assert_eq!(late.next().unwrap().id, ids[2]);
    // An event of another life: whatever this one still has is news.
    let (mut other, _) = Feed::resume(&node, "Last-Event-ID: 7\r\n");
    assert_eq!(other.next_of("missed"), json!({ "events": 2 }));
}

#[test]
fn only_get_is_allowed_and_only_for_this_machine() {
    let node = start("events-host", "");
    for path in ["/events", "/clients"] {
        let post = format!("POST {path} HTTP/1.0\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(request(&node, &post).0, "HTTP/1.0 405 Method Not Allowed", "{path}");
        let foreign = format!("GET {path} HTTP/1.1\r\nHost: evil.example.org\r\nConnection: close\r\n\r\n");
        assert_eq!(request(&node, &foreign).0, "HTTP/1.1 421 Misdirected Request", "{path}");
    }
}

#[test]
fn streams_end_when_the_node_stops() {
    let mut node = start("events-stop", "");
    let mut feed = Feed::open(&node);
    stop(&mut node);
    assert!(feed.next().is_none());
}

#[test]
fn links_are_told_when_they_come_up_and_why_they_go_down() {
    let test = "events-links";
    let args = ["--admin-address", "127.0.0.1:0"];
    let alford = Node::start_awaiting_with("Alford", "Parker", test, &args);
    let mut feed = Feed::open(&alford);
    let mut parker = Node::start_beside("Parker", ("Alford", &alford), test, |command| command);
    let told = feed.next_of("link");
    let expected = json!({
        "neighbour": "Parker", "state": "up", "at_ms": told["at_ms"], "text": "link up",
    });
    assert_eq!(told, expected);
    parker.ask(IAMAT.as_bytes());
    let told = feed.next_of("updates");
    let update = &told["updates"][0];
    assert_eq!((&update["from"], &update["origin"]), (&"Parker".into(), &"Parker".into()));
    stop(&mut parker);
    let told = feed.next_of("link");
    assert_eq!((&told["neighbour"], &told["state"]), (&"Parker".into(), &"down".into()));
    assert_eq!(told["text"], "link down: the neighbour said: stopping");
}

#[test]
fn refusals_are_counted_and_a_full_table_is_a_warning() {
    let node = start("events-refused", "distinct_clients = 1");
    let mut feed = Feed::open(&node);
    node.ask(format!("{IAMAT}IAMAT plum +1+1 1\nIAMAT plum +1+1 1\n").as_bytes());
    let (mut refused, mut warning) = (Value::Null, Value::Null);
    while refused.is_null() || warning.is_null() {
        let event = feed.next().expect("the stream goes on");
        match event.kind.as_str() {
            "refused" => refused = event.data,
            "warning" => warning = event.data,
            _ => {}
        }
    }
    assert_eq!((&refused["what"], &refused["count"]), (&"reports".into(), &2.into()), "{refused}");
    assert_eq!(
        (&warning["what"], &warning["text"]),
        (&"table".into(), &"the table is full with 1 clients".into())
    );
}

#[test]
fn a_slow_reader_misses_events_and_holds_up_nobody() {
    let node = start("events-slow", "admin_events = 4");
    let (mut slow, hello) = Feed::resume(&node, "");
    let mut quick = Feed::open(&node);
    // Ids of the greatest length, so that events soon fill the connection's buffers.
    let reports: String =
        (0..10).map(|client| format!("IAMAT {}{client} +1+1 1\n", "\u{e9}".repeat(127))).collect();
    let (mut time, mut bytes, mut last) = (0, 0, 0);
    // More than the buffers of a connection whose other side has not read anything yet.
    while bytes < 800_000 {
        time += 1;
        node.ask(reports.replace(" 1\n", &format!(" {time}\n")).as_bytes());
        let event = quick.next().unwrap();
        bytes += event.data.to_string().len();
        last = event.id;
    }
    let (mut read, mut missed) = (0, 0);
    let mut known = hello.id;
    while known < last {
        let event = slow.next().unwrap();
        known = event.id;
        match event.kind.as_str() {
            "missed" => missed += event.data["events"].as_u64().unwrap(),
            _ => read += 1,
        }
    }
    assert!(missed > 0);
    assert_eq!(read + missed, known - hello.id);
}

#[test]
fn a_reader_has_one_place_of_the_admin_port_and_loses_it_to_a_newer_connection() {
    let node = start("events-seat", "admin_connections = 1");
    let mut feed = Feed::open(&node);
    assert_eq!(request(&node, "GET /healthz HTTP/1.0\r\n\r\n").1, "ok\n");
    assert!(feed.next().is_none());
}
