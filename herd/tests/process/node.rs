//! One node as a real process, seen from its clients' side of the socket.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

use wiremock::matchers::{method, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{DEADLINE, IAMAT, Node, log_of, stop, wait_until, whole_log};

/// A Places service that answers everything with `body`.
pub(crate) async fn places(body: &str, delay: Duration) -> MockServer {
    let server = MockServer::start().await;
    let answer =
        ResponseTemplate::new(200).set_body_raw(body, "application/json; charset=UTF-8").set_delay(delay);
    let mock = Mock::given(method("GET")).and(query_param("location", "34.068930,-118.445127"));
    mock.and(query_param("radius", "10000"))
        .and(query_param("key", "canary-key"))
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

pub(crate) fn with_places<'a>(command: &'a mut Command, server: &MockServer) -> &'a mut Command {
    command
        .args(["--places", "google-legacy", "--places-url", &server.uri()])
        .env("HERD_PLACES_KEY", "canary-key")
}

/// Waits until the service has been asked.
pub(crate) async fn wait_until_asked(server: &MockServer) {
    let asked = async {
        while server.received_requests().await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, asked).await.expect("the service should be asked");
}

/// A body of `results` places, about a kilobyte each.
pub(crate) fn body(results: usize) -> String {
    let place = format!("      {{\n         \"name\" : \"{}\"\n      }}", "x".repeat(1000));
    let places = vec![place; results].join(",\n");
    format!(
        "{{\n   \"html_attributions\" : [],\n   \"results\" : \n   [\n{places}\n   ],\n   \"status\" : \"OK\"\n}}\n"
    )
}

#[test]
fn a_thousand_lines_in_one_write_get_a_thousand_answers_in_order() {
    let node = Node::start("thousand", "");
    let lines: String = (0..1000).map(|number| format!("IAMAT c{number} +1.5-2.5 {number}\n")).collect();
    let answers = node.ask(lines.as_bytes());
    let answers: Vec<&str> = answers.lines().collect();
    assert_eq!(answers.len(), 1000);
    for (number, answer) in answers.iter().enumerate() {
        assert!(
            answer.starts_with("AT Alford +") && answer.ends_with(&format!(" c{number} +1.5-2.5 {number}")),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_request_sent_with_a_half_close_gets_its_whole_answer_in_one_read() {
    let body = body(20);
    let server = places(&body, Duration::ZERO).await;
    let node = Node::start_with("one-read", "", |command| with_places(command, &server));
    let at = node.ask(IAMAT.as_bytes());
    let mut stream = node.connect();
    stream.write_all(b"WHATSAT kiwi 10 20").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut buffer = vec![0; 1024 * 1024];
    let length = tokio::task::spawn_blocking(move || (stream.read(&mut buffer).unwrap(), buffer));
    let (length, buffer) = length.await.unwrap();
    assert_eq!(String::from_utf8_lossy(&buffer[..length]), format!("{at}{body}\n"));
}

#[tokio::test]
async fn answers_come_in_the_order_asked_even_when_places_are_slow() {
    let server = places(&body(1), Duration::from_millis(100)).await;
    let node = Node::start_with("order", "", |command| with_places(command, &server));
    // Each with a different bound, since equal questions share a request.
    let questions: String = (2..8).map(|bound| format!("WHATSAT kiwi 10 {bound}\n")).collect();
    let lines = [IAMAT, "WHATSAT kiwi 10 1\nfirst\n", &questions, "last"].concat();
    let answers = tokio::task::spawn_blocking(move || (node.ask(lines.as_bytes()), node)).await.unwrap().0;
    let shape: Vec<&str> =
        answers.lines().filter_map(|line| line.get(..4)).filter(|start| !start.starts_with(' ')).collect();
    assert_eq!(shape, ["AT A", "AT A", "? fi", "AT A", "AT A", "AT A", "AT A", "AT A", "AT A", "? la"]);
    assert_eq!(server.received_requests().await.unwrap().len(), 7);
}

#[tokio::test]
async fn a_failing_places_service_keeps_the_framing_and_tells_no_key() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(404).set_body_string("<html>"))
        .mount(&server)
        .await;
    let log = log_of("failing");
    let logging = ["--log-level", "debug", "--log-file", &log];
    let node = Node::start_with("failing", "", |command| with_places(command, &server).args(logging));
    let answers = node.ask(format!("{IAMAT}WHATSAT kiwi 10 1\nnext\n").as_bytes());
    let at = answers.lines().next().unwrap();
    let error = "{\n   \"error_message\" : \"the places service answered HTTP 404\",\n   \"html_attributions\" : [],\n   \"results\" : [],\n   \"status\" : \"UNKNOWN_ERROR\"\n}";
    assert_eq!(answers, format!("{at}\n{at}\n{error}\n\n? next\n"));
    let log = whole_log(node, &log);
    assert!(log.contains("WHATSAT kiwi 10 1") && !log.contains("canary-key"), "{log}");
}

#[test]
fn an_over_long_line_is_answered_by_its_start_and_the_connection_closes() {
    let node = Node::start("long", "");
    let fits = "x".repeat(4096);
    assert_eq!(node.ask(format!("{fits}\r\n").as_bytes()), format!("? {fits}\n"));
    let mut stream = node.connect();
    stream.write_all(format!("a\n{fits}x\nnever answered\n").as_bytes()).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert_eq!(answers, format!("? a\n? {}\n", "x".repeat(128)));
}

#[test]
fn a_client_beyond_the_limit_is_told_and_a_place_that_is_left_is_taken() {
    let node = Node::start("crowd", "client_connections = 2");
    let mut seated = [node.connect(), node.connect()];
    for stream in &mut seated {
        stream.write_all(b"x\n").unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
    }
    assert_eq!(node.ask(b"IAMAT kiwi +1+1 1\n"), "? too many connections\n");
    let [left, mut stays] = seated;
    drop(left);
    wait_until("the place that was left is taken", || node.ask(b"x\n") == "? x\n");
    stays.write_all(b"y\n").unwrap();
    stays.read_exact(&mut [0; 4]).unwrap();
}

#[test]
fn every_client_beyond_the_limit_is_told_however_many_come_at_once() {
    let node = Node::start("crowds", "client_connections = 1");
    let mut seated = node.connect();
    seated.write_all(b"x\n").unwrap();
    seated.read_exact(&mut [0; 4]).unwrap();
    let crowd: Vec<TcpStream> = (0..100).map(|_| node.connect()).collect();
    for mut stream in crowd {
        let mut told = String::new();
        stream.read_to_string(&mut told).unwrap();
        assert_eq!(told, "? too many connections\n");
    }
}

#[test]
fn a_forged_update_on_either_port_changes_nothing() {
    let node = Node::start_with("forged", "", |command| command.arg("--insecure-links"));
    let forged = "AT Alford +0.000000000 kiwi +1+1 1";
    assert_eq!(node.ask(forged.as_bytes()), format!("? {forged}\n"));
    let mut link = TcpStream::connect(node.link).unwrap();
    link.set_read_timeout(Some(DEADLINE)).unwrap();
    link.write_all(
        format!("HELLO 5 Mallory 0000000000000001 0000000000000001\n{forged}\nUPTO 1\n").as_bytes(),
    )
    .unwrap();
    let mut said = String::new();
    link.read_to_string(&mut said).unwrap();
    assert_eq!(said, "BYE Mallory is not a neighbour of Alford\n");
    assert_eq!(node.ask(b"WHATSAT kiwi 1 0"), "? WHATSAT kiwi 1 0\n");
}

#[test]
fn many_clients_at_once_each_get_their_own_answers_however_many_threads_serve_them() {
    for threads in ["1", "3"] {
        let mut node = Node::start_with("many", "", |command| command.args(["--threads", threads]));
        thread::scope(|scope| {
            for client in 0..50 {
                let node = &node;
                scope.spawn(move || {
                    let lines: String = (0..50).map(|number| format!("{client} {number}\n")).collect();
                    let expected: String = lines.lines().map(|line| format!("? {line}\n")).collect();
                    assert_eq!(node.ask(lines.as_bytes()), expected);
                    let at = node.ask(format!("IAMAT c{client} +1+1 1\n").as_bytes());
                    assert!(node.ask(format!("WHATSAT c{client} 1 0").as_bytes()).starts_with(&at));
                });
            }
        });
        let mut waiting = node.connect();
        waiting.write_all(b"x\nbegun").unwrap();
        waiting.read_exact(&mut [0; 4]).unwrap();
        stop(&mut node);
        assert_eq!(waiting.read(&mut [0]).unwrap(), 0, "closed, and not reset");
    }
}
