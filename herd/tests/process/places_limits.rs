//! The limits of requests to a Places service.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex};

use crate::support::{IAMAT, Node, wait_for_log};
use crate::upstream::{Upstream, node, reply, wait_for_end};

/// An answer without places.
const NOTHING: &str = "{\"status\":\"ZERO_RESULTS\",\"results\":[]}";

/// A service that does not answer until it is opened.
fn gated() -> (Upstream, impl Fn()) {
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let key = Arc::clone(&gate);
    let upstream = Upstream::start(move |stream| {
        let (is_open, changed) = &*gate;
        drop(changed.wait_while(is_open.lock().unwrap(), |open| !*open).unwrap());
        reply(stream, "200 OK", NOTHING);
    });
    (upstream, move || {
        *key.0.lock().unwrap() = true;
        key.1.notify_all();
    })
}

/// A client that has sent one question; each client has a different radius.
fn asking(node: &Node, radius: usize) -> TcpStream {
    let mut client = node.connect();
    client.write_all(format!("WHATSAT kiwi {radius} 5\n").as_bytes()).unwrap();
    client
}

/// The answer to a client, up to the end of the JSON.
fn answer(client: &mut TcpStream) -> String {
    let mut told = Vec::new();
    let mut byte = [0];
    while !told.ends_with(b"\n\n") {
        client.read_exact(&mut byte).unwrap();
        told.push(byte[0]);
    }
    String::from_utf8(told).unwrap()
}

#[test]
fn four_questions_of_a_connection_are_asked_at_once_and_the_lines_behind_them_wait() {
    let (upstream, open) = gated();
    let (node, log) = node("four", "", "google-legacy", &upstream.url);
    node.ask(IAMAT.as_bytes());
    let mut client = node.connect();
    let questions: String = (1..=6).map(|radius| format!("WHATSAT kiwi {radius} 5\n")).collect();
    client.write_all(questions.as_bytes()).unwrap();
    upstream.wait_for_requests(4);
    // If a fifth line had been started, it would be in the log before this answer.
    node.ask(b"another client\n");
    wait_for_log(&log, "another client", 2);
    assert_eq!(std::fs::read_to_string(&log).unwrap().matches("line=WHATSAT").count(), 4);
    open();
    (1..=6).for_each(|_| assert!(answer(&mut client).contains("ZERO_RESULTS")));
    assert_eq!(upstream.requests(), 6);
}

#[test]
fn beyond_the_requests_at_once_questions_wait_and_beyond_those_that_wait_they_are_told() {
    let (upstream, open) = gated();
    let limits = "whatsat_upstream = 2\nwhatsat_waiting = 3";
    let (node, log) = node("turns", limits, "google-legacy", &upstream.url);
    node.ask(IAMAT.as_bytes());
    let mut clients: Vec<TcpStream> = (1..=5)
        .map(|radius| {
            let client = asking(&node, radius);
            wait_for_log(&log, "received peer=", radius + 1);
            client
        })
        .collect();
    upstream.wait_for_requests(2);
    assert!(answer(&mut asking(&node, 6)).contains("too many questions for places are waiting"));
    assert_eq!(upstream.requests(), 2);
    open();
    for client in &mut clients {
        let told = answer(client);
        assert!(told.contains("ZERO_RESULTS"), "{told}");
    }
    assert_eq!(upstream.requests(), 5);
}

#[test]
fn a_question_that_never_gets_a_turn_says_so_and_does_not_count_against_the_service() {
    let (upstream, open) = gated();
    let limits = "whatsat_upstream = 1\nplaces_total = \"400ms\"\nplaces_failures = 2\nplaces_pause = \"1h\"";
    let (node, _) = node("no-turn", limits, "google-legacy", &upstream.url);
    node.ask(IAMAT.as_bytes());
    let mut first = asking(&node, 1);
    upstream.wait_for_requests(1);
    let mut second = asking(&node, 2);
    assert!(answer(&mut first).contains("no answer from the places service"));
    // The previous question held the turn until hardly any time was left.
    assert!(answer(&mut second).contains("this one had no turn within 400ms"));
    assert_eq!(upstream.requests(), 1);
    // One failure does not open the breaker, and a question without a turn is not a failure.
    open();
    assert!(answer(&mut asking(&node, 5)).contains("ZERO_RESULTS"));
}

#[test]
fn a_waiting_question_whose_clients_have_gone_is_never_asked() {
    let (upstream, open) = gated();
    let (node, log) = node("abandoned", "whatsat_upstream = 1", "google-legacy", &upstream.url);
    node.ask(IAMAT.as_bytes());
    let mut first = asking(&node, 1);
    upstream.wait_for_requests(1);
    for radius in 2..=4 {
        let mut client = node.connect();
        client.write_all(format!("x\nWHATSAT kiwi {radius} 5\n").as_bytes()).unwrap();
        wait_for_log(&log, &format!("line=WHATSAT kiwi {radius}"), 1);
        // Closing with an unread answer resets the connection. This shows the node that the client
        // is gone, and has not only closed its sending side.
        client.peek(&mut [0]).unwrap();
    }
    wait_for_log(&log, "client lost", 3);
    let mut last = asking(&node, 5);
    wait_for_log(&log, "line=WHATSAT kiwi 5", 1);
    open();
    for client in [&mut first, &mut last] {
        assert!(answer(client).contains("ZERO_RESULTS"));
    }
    assert_eq!(upstream.requests(), 2);
}

#[test]
fn a_radius_of_zero_is_refused_at_once_even_while_the_new_service_hangs() {
    let upstream = Upstream::start(|mut stream| wait_for_end(&mut stream));
    let (node, _) = node("zero", "whatsat_upstream = 1\nwhatsat_waiting = 0", "google", &upstream.url);
    node.ask(IAMAT.as_bytes());
    let _hanging = asking(&node, 1);
    upstream.wait_for_requests(1);
    let told = node.ask(b"WHATSAT kiwi 0 5\n");
    assert!(told.contains("INVALID_REQUEST") && upstream.requests() == 1, "{told}");
}

#[test]
fn a_failure_is_known_by_its_status_however_slow_its_body_is() {
    for provider in ["google", "google-legacy"] {
        let upstream = Upstream::start(|mut stream| {
            let _ =
                stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 1000\r\n\r\n<html>");
            wait_for_end(&mut stream);
        });
        let (node, _) =
            node(&format!("slow-503-{provider}"), "places_retry = \"10ms\"", provider, &upstream.url);
        node.ask(IAMAT.as_bytes());
        let told = node.ask(b"WHATSAT kiwi 1 5\n");
        assert!(told.contains("the places service answered HTTP 503"), "{provider}: {told}");
        assert_eq!(upstream.requests(), 2, "{provider}: asked once more");
    }
}

#[test]
fn a_failure_that_the_new_service_explains_is_told_in_its_words() {
    let error = "{\"error\":{\"code\":503,\"message\":\"try later\",\"status\":\"UNAVAILABLE\"}}";
    let upstream = Upstream::start(move |stream| reply(stream, "503 Service Unavailable", error));
    let (node, _) = node("explained", "", "google", &upstream.url);
    node.ask(IAMAT.as_bytes());
    let told = node.ask(b"WHATSAT kiwi 1 5\n");
    assert!(told.contains("\"try later\"") && told.contains("UNKNOWN_ERROR"), "{told}");
}

#[test]
fn an_answer_of_the_new_service_without_places_is_no_answer() {
    let upstream = Upstream::start(|stream| reply(stream, "200 OK", "{\"error\":{\"code\":500}}"));
    let (node, _) = node("no-places", "", "google", &upstream.url);
    node.ask(IAMAT.as_bytes());
    let told = node.ask(b"WHATSAT kiwi 1 5\n");
    assert!(told.contains("it has no list of places") && told.contains("UNKNOWN_ERROR"), "{told}");
}
