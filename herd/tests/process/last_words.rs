//! What a node still reads from a client, when it is about to close the connection.

use std::io::{Read, Write};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::node::{body, places, wait_until_asked, with_places};
use crate::support::{IAMAT, Node, log_of, whole_log};

/// A client with four questions that wait for places, so that nothing more is read from it; then it
/// sends `late`, and the node is stopped. Returns all answers.
async fn answers_of_a_stop(test: &str, limits: &str, late: String) -> String {
    let server = places(&body(1), Duration::from_millis(500)).await;
    let node = Node::start_with(test, limits, |command| with_places(command, &server));
    node.ask(IAMAT.as_bytes());
    let mut stream = node.connect();
    let questions: String = (1..=4).map(|bound| format!("WHATSAT kiwi 10 {bound}\n")).collect();
    stream.write_all(questions.as_bytes()).unwrap();
    wait_until_asked(&server).await;
    stream.write_all(late.as_bytes()).unwrap();
    kill(Pid::from_raw(node.process.id() as i32), Signal::SIGTERM).unwrap();
    tokio::task::spawn_blocking(move || {
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        drop(node);
        answers
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_stop_answers_what_it_had_not_read_yet_from_a_client_that_waits() {
    let answers = answers_of_a_stop("unread-input", "", "late\n".to_owned()).await;
    assert!(answers.ends_with("\n\n? late\n"), "{answers}");
}

#[tokio::test]
async fn a_stop_reads_no_more_from_a_client_than_the_bound() {
    let limits = "client_receive_buffer = 2000\nunread_answers = 4000";
    let answers = answers_of_a_stop("much-unread", limits, "x\n".repeat(10_000)).await;
    let late = answers.matches("? x\n").count();
    assert!((1..10_000).contains(&late), "{late} lines were answered");
}

#[test]
fn a_client_that_goes_on_sending_a_little_after_the_end_is_not_cut_off() {
    let node = Node::start("gentle-end", "line_bytes = 10\nlinger = \"60s\"\nlinger_bytes = 100000");
    let mut stream = node.connect();
    stream.write_all(b"much too long a line\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "? much too long a line\n");
    for _ in 0..20 {
        stream.write_all(&[b'x'; 100]).unwrap();
        // By now the node has had the time to read that.
        assert_eq!(node.ask(b"y\n"), "? y\n");
    }
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "no reset");
}

#[tokio::test]
async fn a_question_for_places_is_logged_as_answered_once() {
    let test = "answered-once";
    let log = log_of(test);
    let server = places(&body(1), Duration::ZERO).await;
    let node = Node::start_with(test, "", |command| {
        with_places(command, &server).args(["--log-file", &log, "--log-level", "debug"])
    });
    let log = tokio::task::spawn_blocking(move || {
        node.ask(format!("{IAMAT}WHATSAT kiwi 10 1\n").as_bytes());
        whole_log(node, &log)
    });
    let log = log.await.unwrap();
    assert_eq!(log.matches(" answered ").count(), 2, "{log}");
}
