//! The errors of sessions that fail.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use xtask::session::places_stub::PlacesStub;
use xtask::session::{PATIENCE, Player, Session, SessionHerd, play};

/// A herd of one node, which closes every connection without an answer.
struct Mute(SocketAddr);

impl SessionHerd for Mute {
    fn running(&mut self) -> Result<Vec<(String, SocketAddr)>> {
        Ok(vec![("Alford".to_owned(), self.0)])
    }

    fn stop(&mut self, nodes: &[String]) -> Result<()> {
        bail!("{nodes:?} cannot be stopped")
    }

    fn kill(&mut self, _: &[String]) -> Result<()> {
        Ok(())
    }

    fn start(&mut self, _: &[String]) -> Result<()> {
        Ok(())
    }

    fn localize(&self, answer: Vec<u8>) -> Vec<u8> {
        answer
    }
}

/// Plays a session against a mute herd. Returns its error.
fn failure(text: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    failure_at(address, text, PATIENCE)
}

fn failure_at(node: SocketAddr, text: &str, patience: Duration) -> String {
    let session = Session::parse(text, "some.session").unwrap();
    let (_, result) = play(&session, &mut Mute(node), &PlacesStub::start().unwrap(), patience);
    result.unwrap_err().to_string()
}

#[test]
fn a_failure_names_the_file_the_line_and_what_was_waited_for() {
    for (text, expected) in [
        (
            "# one\nconnect c Alford\nclosed c\nanswers Alford 1\n",
            "some.session:4: every line that was sent has been answered",
        ),
        ("connect c Nobody\n", "some.session:1: no node called Nobody is running"),
        ("\nsay c x\n", "some.session:2: no connection c is open"),
        ("stop Alford\n", "some.session:1: [\"Alford\"] cannot be stopped"),
        ("places none.json\n", "some.session:1: cannot read fixtures/places/none.json: "),
        ("kill Alford\nupstream 1\n", "some.session:2: expected 1 requests upstream, not 0"),
        (
            "say Alford {nowhere}\n",
            "some.session:1: expected {now}, {now+SECONDS} or {now-SECONDS}, not {nowhere}",
        ),
        ("settle Alfrod\n", "some.session:1: no node called Alfrod is running"),
    ] {
        let message = failure(text);
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn the_error_for_a_node_that_closes_instead_of_answering_names_the_line() {
    let message = failure("connect c Alford\nsay c x\n");
    assert!(message.starts_with("some.session:2: "), "{message}");
}

#[test]
fn a_node_that_never_answers_costs_one_deadline_a_session() {
    // The system accepts the connection, but no program answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let started = Instant::now();
    let text = "connect c Alford\nsay c x\nsay c y\nanswers c 1000\n";
    let message = failure_at(listener.local_addr().unwrap(), text, Duration::from_millis(200));
    assert_eq!(message, "some.session:2: waited 200ms for an answer; received so far: nothing");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn an_answer_without_an_end_is_not_read_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        while client.write_all(&[b'x'; 64 * 1024]).is_ok() {}
    });
    let message = failure_at(address, "say Alford x\n", PATIENCE);
    assert!(message.contains(" bytes while waiting for an answer, more than the limit of "), "{message}");
}

#[test]
fn a_session_can_be_played_step_by_step() {
    let text = "kill Alford\n\nkill Bolden\nplaces twenty.json\nkill Parker\n";
    let session = Session::parse(text, "some.session").unwrap();
    let mut player = Player::new(session, Mute(([127, 0, 0, 1], 1).into()), None, PATIENCE);
    assert_eq!(player.transcript().text(), "");
    player.play_next().unwrap().unwrap();
    assert_eq!(player.transcript().text(), "Alford: killed\n");
    player.play_next().unwrap().unwrap();
    assert_eq!(player.transcript().text(), "Alford: killed\nBolden: killed\n");
    let error = player.play_next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "some.session:4: this step needs the stub of the Places service");
    // The caller decides whether a session goes on after an error.
    player.play_next().unwrap().unwrap();
    assert!(player.play_next().is_none());
}
