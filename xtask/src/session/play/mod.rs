//! Plays a session.

mod clock_times;
mod settle;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fixtures::bad_input::{BadInput, FutureTimes, MOST_SHOWN};
use herd::message::Time;

use super::client_connection::ClientConnection;
use super::deadline::Deadline;
use super::session_herd::SessionHerd;
use super::transcript::Transcript;
use super::{Session, SessionError, Step};
use crate::session::places_stub::PlacesStub;
use settle::report_in;

/// The timeout of each step against nodes of this workspace.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Plays a session against a herd and its Places service. Each step has the timeout `patience`.
///
/// Returns the transcript, and the error of the first step that failed. The transcript ends with
/// that step.
pub fn play(
    session: &Session,
    herd: &mut dyn SessionHerd,
    places: &PlacesStub,
    patience: Duration,
) -> (Transcript, Result<(), SessionError>) {
    let mut player = Player::new(session.clone(), herd, Some(places), patience);
    let mut result = Ok(());
    while let (Ok(()), Some(played)) = (&result, player.play_next()) {
        result = played;
    }
    (player.transcript, result)
}

/// A session that is played step by step.
#[derive(Debug)]
pub struct Player<'a, H> {
    session: Session,
    /// The number of steps that have been played.
    played: usize,
    herd: H,
    places: Option<&'a PlacesStub>,
    connections: BTreeMap<String, ClientConnection>,
    /// The latest time of an AT line about each client.
    latest_reports: BTreeMap<Vec<u8>, Time>,
    transcript: Transcript,
    /// The time that `{now}` stands for: the start of the session, since 1970.
    now: Duration,
    patience: Duration,
    /// The deadline of the step that is being played.
    deadline: Deadline,
}

impl<'a, H: SessionHerd> Player<'a, H> {
    /// Starts a session, whose steps have the timeout `patience`. Without `places`, steps about the
    /// Places service fail.
    pub fn new(
        session: Session,
        herd: H,
        places: Option<&'a PlacesStub>,
        patience: Duration,
    ) -> Player<'a, H> {
        Player {
            session,
            played: 0,
            herd,
            places,
            connections: BTreeMap::new(),
            latest_reports: BTreeMap::new(),
            transcript: Transcript::default(),
            now: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            patience,
            deadline: Deadline::after(patience),
        }
    }

    /// Plays the next step, and returns its result; `None` if all steps have been played. A step
    /// that failed counts as played. What it showed until then is in the transcript.
    pub fn play_next(&mut self) -> Option<Result<(), SessionError>> {
        let (line, step) = self.session.steps.get(self.played).cloned()?;
        self.played += 1;
        self.transcript.play(line);
        self.deadline = Deadline::after(self.patience);
        Some(self.play_step(&step).map_err(|message| self.session.error(line, message)))
    }

    /// Ends the session, and returns the herd.
    pub fn into_herd(self) -> H {
        self.herd
    }

    /// The transcript of the steps that have been played.
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    fn play_step(&mut self, step: &Step) -> Result<(), String> {
        let deadline = self.deadline;
        match step {
            Step::Connect { connection, node } => {
                let address = self.address(node)?;
                self.connections.insert(connection.clone(), ClientConnection::open(address, deadline)?);
                self.transcript.event(&format!("{connection}: connected to {node}"));
            }
            Step::Say(connection, line) => {
                let line = self.with_clock_times(line)?;
                self.transcript.sent_line(connection, &line);
                self.connection(connection)?.send(&[&line[..], b"\n"].concat(), deadline)?;
                self.show_all_answers(connection)?;
            }
            Step::Send(connection, bytes) => {
                let bytes = self.with_clock_times(bytes)?;
                self.transcript.sent_bytes(connection, &bytes);
                self.connection(connection)?.send(&bytes, deadline)?;
                self.wait_for_round_trip(connection)?;
            }
            Step::Answers(connection, count) => self.show_answers(connection, *count)?,
            Step::HalfClose(connection, bytes) => {
                let bytes = self.with_clock_times(bytes)?;
                if !bytes.is_empty() {
                    self.transcript.sent_bytes(connection, &bytes);
                }
                self.transcript.event(&format!("{connection}: half-closed"));
                self.connection(connection)?.half_close(&bytes, deadline)?;
                self.show_all_answers(connection)?;
                self.wait_for_close(connection)?;
            }
            Step::Close(connection) => {
                self.connections
                    .remove(connection)
                    .ok_or_else(|| format!("no connection {connection} is open"))?;
                self.transcript.event(&format!("{connection}: closed"));
            }
            Step::Closed(connection) => self.wait_for_close(connection)?,
            Step::BadInput(node) => self.send_bad_input(node)?,
            Step::AskAll(line) => self.ask_all(line)?,
            Step::Places(mount) => self.places()?.mount(mount)?,
            Step::Upstream(count, parameters) => self.expect_upstream(*count, parameters)?,
            Step::Stop(nodes) => self.change_nodes("stopped", nodes, H::stop)?,
            Step::Kill(nodes) => self.change_nodes("killed", nodes, H::kill)?,
            Step::Start(nodes) => self.change_nodes("started", nodes, H::start)?,
            Step::Settle(nodes) => self.settle(nodes)?,
        }
        Ok(())
    }

    /// Shows the requests to the Places service since the last such step. Fails unless there are
    /// `count` of them and each has a key and all `parameters`.
    fn expect_upstream(&mut self, count: usize, parameters: &[(String, String)]) -> Result<(), String> {
        let requests = self.places()?.requests();
        for request in &requests {
            self.transcript.event(&format!("upstream: {request}"));
        }
        if requests.len() != count {
            return Err(format!("expected {count} requests upstream, not {}", requests.len()));
        }
        self.transcript.event(&format!("upstream: {count} in all"));
        for request in &requests {
            if !request.has("key", "<key>") {
                return Err(format!("expected a request upstream with a key, not {request}"));
            }
        }
        for request in &requests {
            for (name, value) in parameters {
                if !request.has(name, value) {
                    return Err(format!("expected a request upstream with {name}={value}, not {request}"));
                }
            }
        }
        Ok(())
    }

    fn places(&self) -> Result<&'a PlacesStub, String> {
        self.places.ok_or_else(|| "this step needs the stub of the Places service".to_owned())
    }

    fn running(&mut self) -> Result<Vec<(String, SocketAddr)>, String> {
        self.herd.running().map_err(|error| format!("{error:#}"))
    }

    fn address(&mut self, node: &str) -> Result<SocketAddr, String> {
        let running = self.running()?;
        let found = running.iter().find(|(name, _)| name == node).map(|(_, address)| *address);
        found.ok_or_else(|| format!("no node called {node} is running"))
    }

    /// Finds a connection by its name. A connection with the name of a node is opened to that node
    /// when it is first used.
    fn connection(&mut self, name: &str) -> Result<&mut ClientConnection, String> {
        if !self.connections.contains_key(name) {
            let address =
                self.address(name).map_err(|error| format!("no connection {name} is open, and {error}"))?;
            self.connections.insert(name.to_owned(), ClientConnection::open(address, self.deadline)?);
        }
        self.connections.get_mut(name).ok_or_else(|| format!("no connection {name} is open"))
    }

    /// Waits for the answers to all lines sent on a connection so far.
    fn show_all_answers(&mut self, connection: &str) -> Result<(), String> {
        let count = self.connection(connection)?.unanswered();
        self.show_answers(connection, count)
    }

    fn show_answers(&mut self, connection: &str, count: usize) -> Result<(), String> {
        let deadline = self.deadline;
        for _ in 0..count {
            let answer = self.connection(connection)?.answer(deadline)?;
            self.show_answer(connection, answer);
        }
        Ok(())
    }

    /// Adds an answer to the transcript, and keeps the report in it for a later `settle`.
    fn show_answer(&mut self, connection: &str, answer: Vec<u8>) {
        let answer = self.herd.localize(answer);
        if let Some((client, time)) = report_in(&answer) {
            let latest = self.latest_reports.entry(client.to_vec()).or_insert(time);
            *latest = time.max(*latest);
        }
        self.transcript.answer(connection, &answer);
    }

    fn wait_for_close(&mut self, connection: &str) -> Result<(), String> {
        let deadline = self.deadline;
        let rest = self.connection(connection)?.rest(deadline)?;
        self.connections.remove(connection);
        self.show_answer(connection, rest);
        self.transcript.event(&format!("{connection}: closed by the node"));
        Ok(())
    }

    fn ask_all(&mut self, line: &[u8]) -> Result<(), String> {
        let deadline = self.deadline;
        let line = &self.with_clock_times(line)?[..];
        for (node, address) in self.running()? {
            let mut connection = ClientConnection::open(address, deadline)?;
            self.transcript.sent_line(&node, line);
            connection.send(&[line, b"\n"].concat(), deadline)?;
            let answer = connection.answer(deadline)?;
            self.show_answer(&node, answer);
        }
        Ok(())
    }

    /// Sends each line of the table of bad input on its own connection, and shows the first wrong
    /// answers.
    fn send_bad_input(&mut self, node: &str) -> Result<(), String> {
        let table = BadInput::read(FutureTimes::Bounded)?;
        let address = self.address(node)?;
        let mut wrong = 0;
        for case in &table.cases {
            let deadline = self.deadline.again();
            let mut connection = ClientConnection::open(address, deadline)?;
            connection.half_close(&case.sent, deadline)?;
            let answer = self.herd.localize(connection.rest(deadline)?);
            if let Err(difference) = case.check_answer(node, &answer) {
                wrong += 1;
                if wrong <= MOST_SHOWN {
                    self.transcript.event(&difference);
                }
            }
        }
        let (rows, lines) = (table.rows, table.cases.len());
        self.transcript
            .event(&format!("{node}: {rows} rows of bad input, {lines} lines, {wrong} answered wrongly"));
        Ok(())
    }

    /// Makes a round trip on another connection to the same node, so that the bytes just sent reach
    /// the node before any bytes sent later.
    fn wait_for_round_trip(&mut self, connection: &str) -> Result<(), String> {
        let deadline = self.deadline;
        let address = self.connection(connection)?.address();
        let mut probe = ClientConnection::open(address, deadline)?;
        probe.send(b"\n", deadline)?;
        probe.answer(deadline).map(drop)
    }

    /// Stops, kills or starts nodes, and forgets the connections that were opened to them by name.
    fn change_nodes(
        &mut self,
        done: &str,
        nodes: &[String],
        act: impl FnOnce(&mut H, &[String]) -> anyhow::Result<()>,
    ) -> Result<(), String> {
        act(&mut self.herd, nodes).map_err(|error| format!("{error:#}"))?;
        for node in nodes {
            self.connections.remove(node);
            self.transcript.event(&format!("{node}: {done}"));
        }
        Ok(())
    }
}
