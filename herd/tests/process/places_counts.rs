//! The counters, the memory and the log of requests for places.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::admin::get;
use crate::support::{DEADLINE, IAMAT, Node, log_of, wait_for_log, wait_until, whole_log};
use crate::upstream::{CANARY, Upstream, reply};

const NOTHING: &str = "{\"status\":\"ZERO_RESULTS\",\"results\":[]}";

/// A service that answers one request for each message of the sender.
fn stepwise() -> (Upstream, Sender<()>) {
    let (go, gone) = mpsc::channel();
    let gone = Arc::new(Mutex::new(gone));
    let upstream = Upstream::start(move |stream| {
        let _ = gone.lock().unwrap().recv_timeout(2 * DEADLINE);
        reply(stream, "200 OK", NOTHING);
    });
    (upstream, go)
}

/// Starts a node that asks the service at `url`, with an admin port. Returns the node and its log.
fn node(test: &str, limits: &str, url: &str) -> (Node, String) {
    let log = log_of(test);
    let node = Node::start_with(test, limits, |command| {
        command.args([
            "--places",
            "google-legacy",
            "--places-url",
            url,
            "--log-file",
            &log,
            "--log-level",
            "debug",
        ]);
        command.args(["--admin-address", "127.0.0.1:0"]).env("HERD_PLACES_KEY", CANARY)
    });
    node.ask(IAMAT.as_bytes());
    (node, log)
}

/// A client that has sent its last question.
fn asking(node: &Node, radius: usize) -> TcpStream {
    let mut client = node.connect();
    client.write_all(format!("WHATSAT kiwi {radius} 5\n").as_bytes()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    client
}

/// A number from the node's status.
fn count(node: &Node, name: &str) -> u64 {
    let status: serde_json::Value = serde_json::from_str(&get(node, "/status").1).unwrap();
    status[name].as_u64().unwrap()
}

/// Waits for an answer without places.
fn expect_nothing(mut client: TcpStream) {
    let mut told = String::new();
    client.read_to_string(&mut told).unwrap();
    assert!(told.contains("ZERO_RESULTS"), "{told}");
}

#[test]
fn requests_and_questions_that_shared_one_are_counted() {
    let (upstream, go) = stepwise();
    let (node, log) = node("counts", "", &upstream.url);
    let mut clients = vec![asking(&node, 1)];
    upstream.wait_for_requests(1);
    for joined in 1..=2 {
        clients.push(asking(&node, 1));
        wait_until("a question has joined", || count(&node, "places_joined") == joined);
    }
    go.send(()).unwrap();
    clients.into_iter().for_each(expect_nothing);
    go.send(()).unwrap();
    expect_nothing(asking(&node, 2));
    assert_eq!((count(&node, "places_requests"), count(&node, "places_joined")), (2, 2));
    let (_, metrics) = get(&node, "/metrics");
    for line in ["herd_places_requests_total 2", "herd_places_joined_total 2"] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let log = whole_log(node, &log);
    assert!(log.contains("requests=2 joined=2"), "{log}");
}

#[test]
fn a_question_that_has_had_its_turn_makes_room_for_another_to_wait() {
    let (upstream, go) = stepwise();
    let (node, log) = node("room", "whatsat_upstream = 1\nwhatsat_waiting = 1", &upstream.url);
    for round in 1..=3 {
        let first = asking(&node, 10 * round);
        upstream.wait_for_requests(2 * round - 1);
        let second = asking(&node, 10 * round + 1);
        wait_for_log(&log, &format!("line=WHATSAT kiwi {}", 10 * round + 1), 1);
        go.send(()).unwrap();
        expect_nothing(first);
        go.send(()).unwrap();
        expect_nothing(second);
    }
}

#[test]
fn a_client_beyond_the_limit_of_a_day_is_told_to_wait_for_the_next_day_of_utc() {
    const DAY: u64 = 24 * 60 * 60;
    let upstream = Upstream::start(|stream| reply(stream, "200 OK", NOTHING));
    let (node, _) = node("next-day", "places_per_day = 1\nplaces_address_percent = 100", &upstream.url);
    let left = || DAY - SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() % DAY;
    assert!(node.ask(b"WHATSAT kiwi 2 5\n").contains("ZERO_RESULTS"));
    let before = left();
    let told = node.ask(b"WHATSAT kiwi 1 5\n");
    let after = left();
    let (_, rest) = told.split_once("Try again in ").expect("how long to wait");
    let told = humantime::parse_duration(rest.split_once('"').unwrap().0).unwrap().as_secs();
    // A day may have ended in between.
    assert!((after..=before).contains(&told) || after > before, "{told} s, with {before} s left");
}

#[test]
fn an_answer_as_long_as_may_be_is_passed_on_and_a_longer_one_is_not() {
    for (most, answered) in [(NOTHING.len(), true), (NOTHING.len() - 1, false)] {
        let upstream = Upstream::start(|stream| reply(stream, "200 OK", NOTHING));
        let (node, _) = node("longest", &format!("places_body_bytes = {most}"), &upstream.url);
        let told = node.ask(b"WHATSAT kiwi 1 5\n");
        assert_eq!(told.contains("ZERO_RESULTS"), answered, "{told}");
    }
}

#[tokio::test]
async fn a_service_that_takes_no_connection_in_time_is_told_from_one_that_refuses() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // Once the backlog is full, the system does not accept further connections.
    let patience = Duration::from_millis(100);
    let backlog: Vec<TcpStream> =
        std::iter::from_fn(|| TcpStream::connect_timeout(&address, patience).ok()).take(64).collect();
    assert!(backlog.len() < 64, "the backlog is never full");
    let limits = "places_connect = \"100ms\"\nplaces_retry = \"1ms\"";
    let (node, _) = node("no-connection", limits, &format!("http://{address}"));
    let told = node.ask(b"WHATSAT kiwi 1 5\n");
    assert!(told.contains("cannot be reached: the connection timed out"), "{told}");
}

#[test]
fn failures_that_go_on_are_logged_with_how_many_there_were() {
    // A port that was free a moment ago, so nobody listens on it.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let limits = "log_repeat = \"2s\"\nplaces_retry = \"1ms\"\nplaces_failures = 1000";
    let (node, log) = node("failures", limits, &format!("http://{closed}"));
    node.ask(b"WHATSAT kiwi 1 5\nWHATSAT kiwi 2 5\nWHATSAT kiwi 3 5\n");
    wait_for_log(&log, "places request failed, again", 1);
}

#[test]
fn a_client_asks_no_more_at_once_than_the_largest_body_has_room_for() {
    for (most, at_once) in [(4 * NOTHING.len(), 4), (4 * NOTHING.len() - 1, 3)] {
        let (upstream, go) = stepwise();
        let limits = format!("places_body_bytes = {most}");
        let (node, log) = node(&format!("at-once-{at_once}"), &limits, &upstream.url);
        go.send(()).unwrap();
        // From now on the node expects answers of this size.
        expect_nothing(asking(&node, 1));
        let mut client = node.connect();
        let questions: String = (2..=7).map(|radius| format!("WHATSAT kiwi {radius} 5\n")).collect();
        client.write_all(questions.as_bytes()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        upstream.wait_for_requests(1 + at_once);
        // If a further line had been started, it would be in the log before this answer.
        node.ask(b"another client\n");
        wait_for_log(&log, "another client", 2);
        let begun = std::fs::read_to_string(&log).unwrap().matches("line=WHATSAT").count();
        assert_eq!(begun, 1 + at_once);
        (0..6).for_each(|_| go.send(()).unwrap());
        let mut told = String::new();
        client.read_to_string(&mut told).unwrap();
        assert_eq!(told.matches("ZERO_RESULTS").count(), 6);
    }
}
