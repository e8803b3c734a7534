//! The stop of a node.

use crate::node::{body, places, wait_until_asked, with_places};
use crate::support::{DEADLINE, IAMAT, Node, stop, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

#[tokio::test]
async fn a_stop_delivers_the_answers_in_flight_within_two_seconds() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let server = places(&body(1), Duration::from_millis(300)).await;
        let mut node = Node::start_with("stop", "", |command| with_places(command, &server));
        node.ask(IAMAT.as_bytes());
        let mut stream = node.connect();
        stream.write_all(b"WHATSAT kiwi 10 1\nafter\n").unwrap();
        wait_until_asked(&server).await;
        kill(Pid::from_raw(node.process.id() as i32), signal).unwrap();
        let (answers, status) = tokio::task::spawn_blocking(move || {
            let mut answers = String::new();
            stream.read_to_string(&mut answers).unwrap();
            drop(stream);
            (answers, node.wait())
        })
        .await
        .unwrap();
        assert!(answers.contains("\"OK\"") && answers.ends_with("}\n\n? after\n"), "{answers}");
        assert!(status.success());
    }
}

#[tokio::test]
async fn a_stop_answers_every_question_however_many_still_wait_for_places() {
    let server = places(&body(1), DEADLINE).await;
    let mut node = Node::start_with("stop-many", "", |command| with_places(command, &server));
    node.ask(IAMAT.as_bytes());
    let mut stream = node.connect();
    // Four questions are in progress at a time; the others get their turn only while the node
    // stops.
    let questions: String = (1..=20).map(|bound| format!("WHATSAT kiwi 10 {bound}\n")).collect();
    stream.write_all(format!("{questions}last\n").as_bytes()).unwrap();
    wait_until_asked(&server).await;
    let answers = tokio::task::spawn_blocking(move || {
        let answers = thread::spawn(move || {
            let mut answers = String::new();
            stream.read_to_string(&mut answers).unwrap();
            answers
        });
        stop(&mut node);
        answers.join().unwrap()
    });
    let answers = answers.await.unwrap();
    assert_eq!(answers.matches("this node is stopping").count(), 20, "{answers}");
    assert!(answers.ends_with("}\n\n? last\n"), "{answers}");
}

#[tokio::test]
async fn what_a_stopping_node_answers_is_known_to_its_neighbours() {
    let server = places(&body(1), Duration::from_millis(500)).await;
    let other = Node::start_awaiting("Parker", "Alford", "stop-flood");
    let mut node = Node::start_beside("Alford", ("Parker", &other), "stop-flood", |command| {
        with_places(command, &server)
    });
    node.ask(IAMAT.as_bytes());
    wait_until("the neighbour knows", || !other.ask(b"WHATSAT kiwi 10 0\n").starts_with('?'));
    // The report behind four questions takes effect when the first is answered, which is after the
    // stop began.
    let mut stream = node.connect();
    let questions: String = (1..=4).map(|bound| format!("WHATSAT kiwi 10 {bound}\n")).collect();
    stream.write_all(format!("{questions}IAMAT late +1+1 1\n").as_bytes()).unwrap();
    wait_until_asked(&server).await;
    let known = tokio::task::spawn_blocking(move || {
        stop(&mut node);
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        assert!(answers.ends_with(" late +1+1 1\n"), "{answers}");
        other.ask(b"WHATSAT late 10 0\n")
    });
    assert!(known.await.unwrap().starts_with("AT Alford "), "the neighbour has not heard it");
}

#[test]
fn a_node_ends_with_its_standard_input() {
    let mut node = Node::start("stdin", "");
    drop(node.process.stdin.take());
    assert!(node.wait().success());
}
