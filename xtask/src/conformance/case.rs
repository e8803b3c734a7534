//! What a rule works with: a herd to ask, and the ways to ask it and to say what was wrong.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fixtures::escape::escape;

use super::answer::{Answer, line_length, places_length};
use super::client::{Connection, End};
use super::client_report::{ClientReport, now, time_text};
use super::form::Form;
use super::guest_file::{Guest, PlacesApi};
use super::herd::GuestHerd;
use super::places::{Behaviour, PlacesService};
use super::transcript::Transcript;
use super::verdict::{Failure, Verdict};

/// The result of judging a rule: `Ok` if it holds, or else the verdict.
pub type Judged<T = ()> = Result<T, Verdict>;

/// How long a guest may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// How long nothing must follow before an answer without a proper end counts as ended.
const QUIET: Duration = Duration::from_millis(300);

/// A herd to ask, and what the judge knows about it.
#[derive(Debug)]
pub struct Case<'a> {
    /// The guest.
    pub guest: &'a Guest,
    /// Its nodes.
    pub herd: &'a mut GuestHerd,
    /// The Places service, if the guest can reach it.
    pub places: Option<&'a PlacesService>,
    /// Returns the bytes that nodes and clients have sent to each other, if they can be counted.
    pub bytes_on_loopback: &'a dyn Bytes,
    /// The form in which the guest answers.
    pub form: Form,
    /// What each node sends on a new connection before a command is sent: nothing, if it is right.
    pub banners: &'a BTreeMap<String, Vec<u8>>,
    /// The record of this rule.
    pub transcript: Transcript,
    /// The factor for all times that the guest is allowed.
    pub patience: f64,
    /// Random numbers, which give each client its own id and place.
    pub random: &'a mut fastrand::Rng,
}

/// A counter of the bytes on the loopback interface.
pub trait Bytes: std::fmt::Debug {
    /// Returns the bytes so far, or `None` if they cannot be told from those of other programs.
    fn so_far(&self) -> Option<u64>;
}

impl<'a> Case<'a> {
    /// Returns the names of the nodes.
    pub fn nodes(&self) -> Vec<String> {
        self.herd.names().to_vec()
    }

    /// Returns the name of the first node.
    pub fn first(&self) -> String {
        self.herd.names()[0].clone()
    }

    /// Returns the neighbours of a node.
    pub fn neighbours(&self, node: &str) -> Vec<String> {
        let member = self.guest.members().iter().find(|member| member.name == node);
        member.map(|member| member.neighbours.clone()).unwrap_or_default()
    }

    /// Returns a report of a client that no rule has used, at the present time.
    pub fn report(&mut self) -> ClientReport {
        let id = format!("kiwi{:08x}.cs.ucla.edu", self.random.u32(..));
        ClientReport { id, location: self.location(), time: time_text(now()) }
    }

    /// Returns a report of such a client from a minute ago, so that later ones are not in the
    /// future.
    pub fn past_report(&mut self) -> ClientReport {
        ClientReport { time: time_text(now() - 60.0), ..self.report() }
    }

    /// Returns a place near the assignment's that no rule has used.
    pub fn location(&mut self) -> String {
        let [north, west] = [1_000..99_999, 1_000..99_999].map(|range| self.random.u32(range));
        format!("+34.0{north:05}-118.4{west:05}")
    }

    /// Scales a time that the guest is allowed.
    pub fn allow(&self, time: Duration) -> Duration {
        time.mul_f64(self.patience)
    }

    /// The time within which an answer must come.
    pub fn answer_within(&self) -> Duration {
        self.allow(ANSWER_WITHIN)
    }

    /// The time after which an answer without an end counts as ended.
    pub fn quiet(&self) -> Duration {
        self.allow(QUIET)
    }

    /// Connects to a node, and takes its banner from what it sends.
    ///
    /// # Errors
    /// The node does not accept the connection; the verdict says so.
    pub fn connect(&mut self, node: &str) -> Judged<Connection> {
        let mut connection = self.connect_only(node)?;
        if let Some(banner) = self.banners.get(node) {
            connection.read_until(|bytes| bytes.len() >= banner.len(), self.answer_within(), None);
            if connection.received.starts_with(banner) {
                connection.received.drain(..banner.len());
            }
        }
        Ok(connection)
    }

    /// Connects to a node.
    ///
    /// # Errors
    /// The node does not accept the connection; the verdict says so.
    pub fn connect_only(&mut self, node: &str) -> Judged<Connection> {
        let address = self.herd.address(node);
        Connection::open(&self.transcript, node, address, self.answer_within()).map_err(|error| {
            let mut failure = self.wrong(node, b"", "a connection", &Answer::default(), "");
            failure.came = error.to_string();
            failure.why = format!("{node} does not accept a connection{}", self.fate(node));
            failure.into()
        })
    }

    /// Sends a command on a new connection, in the form in which the guest answers, and returns
    /// what comes. A node that cannot be reached gives an empty answer.
    pub fn ask(&mut self, node: &str, command: impl AsRef<[u8]>) -> Answer {
        let form = self.form;
        self.ask_in(form, node, command.as_ref(), self.answer_within())
    }

    /// Sends a command in another form, and returns what comes within `within`.
    pub fn ask_in(&mut self, form: Form, node: &str, command: &[u8], within: Duration) -> Answer {
        let Ok(mut connection) = self.connect(node) else { return Answer::default() };
        form.send(&mut connection, command, within);
        self.read(&mut connection, command, within)
    }

    /// Reads the answer to `command` and takes it from the connection.
    pub fn read(&self, connection: &mut Connection, command: &[u8], within: Duration) -> Answer {
        let is_question = command.starts_with(b"WHATSAT");
        let length = if is_question { places_length } else { line_length };
        let quiet = if is_question { self.quiet() * 4 } else { self.quiet() };
        let complete = connection.read_until(|bytes| length(bytes).is_some(), within, Some(quiet));
        let length = length(&connection.received).unwrap_or(connection.received.len());
        let bytes: Vec<u8> = connection.received.drain(..length).collect();
        Answer { bytes, complete, ended: connection.ended }
    }

    /// Reports a client at a node and returns the answer.
    ///
    /// # Errors
    /// The report is not answered with an AT line, so this rule cannot be told.
    pub fn tell(&mut self, node: &str, report: &ClientReport) -> Judged<Answer> {
        let answer = self.ask(node, report.command());
        if answer.is_at() {
            return Ok(answer);
        }
        if self.herd.exit_of(node).is_some() {
            let why = format!("{node} did not answer a report");
            return Err(self.wrong(node, report.command().as_bytes(), "AT ...", &answer, &why).into());
        }
        Err(hidden_by("iamat-answer", format!("{node} did not answer a report with an AT line")))
    }

    /// Asks a command that must be refused.
    ///
    /// # Errors
    /// It was accepted, or not answered.
    pub fn must_refuse(&mut self, node: &str, command: impl AsRef<[u8]>, why: &str) -> Judged {
        let command = command.as_ref();
        let answer = self.ask(node, command);
        if answer.is_refusal() {
            return Ok(());
        }
        let why = if answer.is_empty() {
            format!("`{}` was not answered", escape(command))
        } else {
            format!("`{}` was not refused: {why}", escape(command))
        };
        let expected = format!("? {}", escape(command));
        Err(self.wrong(node, command, &expected, &answer, &why).into())
    }

    /// Returns a failure at a node: what was sent, what should have come, and what came. If the
    /// node's process has ended, the failure says how.
    pub fn wrong(&mut self, node: &str, sent: &[u8], expected: &str, answer: &Answer, why: &str) -> Failure {
        let fate = self.fate(node);
        Failure {
            why: format!("{why}{fate}"),
            hint: None,
            sent: escape(sent),
            expected: expected.to_owned(),
            came: self.came(answer),
            at: format!("{node}, {}", self.transcript.moment()),
        }
    }

    /// Says what came, or why nothing did.
    fn came(&self, answer: &Answer) -> String {
        if !answer.is_empty() {
            return escape(&answer.bytes);
        }
        match answer.ended {
            Some(End::Closed) => "nothing: the node closed the connection".to_owned(),
            Some(End::Reset) => "nothing: the connection was reset".to_owned(),
            _ => format!("nothing within {}", seconds(self.answer_within())),
        }
    }

    /// Says how a node's process ended, if it has; otherwise nothing.
    pub fn fate(&mut self, node: &str) -> String {
        let Some(exit) = self.herd.exit_of(node) else { return String::new() };
        let last = exit.stderr.lines().rev().find(|line| !line.trim().is_empty());
        let last = last.map(|line| format!(", and its last words were: {}", line.trim())).unwrap_or_default();
        format!("; {node} {}{last}", exit.words)
    }

    /// Waits until `done` holds, for at most `within`.
    pub fn wait(&mut self, within: Duration, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let deadline = Instant::now() + within;
        loop {
            if done(self) {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Returns the Places service, answering as usual and with nothing asked yet.
    ///
    /// # Errors
    /// The guest has no places, or cannot reach the service; the verdict says so.
    pub fn places(&self) -> Judged<&'a PlacesService> {
        if self.guest.places == PlacesApi::None {
            return Err(Verdict::NotJudged("the guest file says `places = \"none\"`".to_owned()));
        }
        let Some(places) = self.places else {
            let why = "the guest cannot be led to the stub of the Places service on this machine";
            return Err(Verdict::NotJudged(why.to_owned()));
        };
        places.answer_with(usual());
        places.forget();
        Ok(places)
    }
}

/// How the Places service answers unless a rule asks for something else: quickly, with few results.
pub fn usual() -> Behaviour {
    results(5)
}

/// An answer with this many results.
pub fn results(results: usize) -> Behaviour {
    Behaviour::Answer { results, delay: Duration::ZERO, blank_lines: false }
}

/// Returns the verdict on a rule that the failure of another one hides.
pub fn hidden_by(rule: &'static str, why: String) -> Verdict {
    Verdict::CannotTell { why, hidden_by: Some(rule) }
}

/// Returns a duration in words.
pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
