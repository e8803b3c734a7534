//! Playing a session.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fixtures::bad_input::{BadInput, FutureTimes};
use herd::message::{Stamp, Time};

use super::connection::Connection;
use super::deadline::Deadline;
use super::transcript::Transcript;
use super::{Session, SessionError, Step};
use crate::session::places_stub::PlacesStub;
use fixtures::escape::escape;

/// How long a node of ours may take for what a step waits for.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How often nodes are asked whether a flood has settled.
const POLL: Duration = Duration::from_millis(2);

/// What the player needs of a herd: its nodes by name, and the power to end and start them. Names are those of
/// the session.
pub trait Herd {
    /// The nodes that run, in the order of the herd, with the addresses for clients.
    ///
    /// # Errors
    /// The nodes cannot be looked after.
    fn running(&mut self) -> anyhow::Result<Vec<(String, SocketAddr)>>;

    /// Stops nodes in order.
    ///
    /// # Errors
    /// There is no such node.
    fn stop(&mut self, nodes: &[String]) -> anyhow::Result<()>;

    /// Kills nodes.
    ///
    /// # Errors
    /// There is no such node.
    fn kill(&mut self, nodes: &[String]) -> anyhow::Result<()>;

    /// Starts nodes, and waits until they are ready.
    ///
    /// # Errors
    /// There is no such node, or it does not start.
    fn start(&mut self, nodes: &[String]) -> anyhow::Result<()>;

    /// An answer with the name of the node that it is from put as the session knows it.
    fn localize(&self, answer: Vec<u8>) -> Vec<u8>;
}

/// Plays a session against a herd and its Places service. Each step ends after `patience`, whatever it waits for.
/// Returns the transcript, to the end or to the line at which something was expected and did not come.
pub fn play(
    session: &Session,
    herd: &mut dyn Herd,
    places: &PlacesStub,
    patience: Duration,
) -> (Transcript, Result<(), SessionError>) {
    let mut player = Player {
        herd,
        places,
        connections: BTreeMap::new(),
        reports: BTreeMap::new(),
        transcript: Transcript::default(),
        now: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        deadline: Deadline::after(patience),
    };
    let result = session.steps.iter().try_for_each(|(line, step)| {
        player.transcript.play(*line);
        player.deadline = Deadline::after(patience);
        player.step(step).map_err(|message| session.error(*line, message))
    });
    (player.transcript, result)
}

struct Player<'a> {
    herd: &'a mut dyn Herd,
    places: &'a PlacesStub,
    connections: BTreeMap<String, Connection>,
    /// Of each client that a node has answered an AT line about: the latest time in such a line.
    reports: BTreeMap<Vec<u8>, Time>,
    transcript: Transcript,
    /// What `{now}` stands for: when the session began.
    now: Duration,
    /// Of the step that is being played.
    deadline: Deadline,
}

impl Player<'_> {
    fn step(&mut self, step: &Step) -> Result<(), String> {
        let deadline = self.deadline;
        match step {
            Step::Connect { connection, node } => {
                let address = self.address(node)?;
                self.connections.insert(connection.clone(), Connection::open(address, deadline)?);
                self.transcript.line(&format!("{connection}: connected to {node}"));
            }
            Step::Say(connection, line) => {
                let line = self.with_now(line)?;
                self.transcript.said(connection, &line);
                self.connection(connection)?.send(&[&line[..], b"\n"].concat(), deadline)?;
                let owed = self.connection(connection)?.owed();
                self.answers(connection, owed)?;
            }
            Step::Send(connection, bytes) => {
                let bytes = self.with_now(bytes)?;
                self.transcript.sent(connection, &bytes);
                self.connection(connection)?.send(&bytes, deadline)?;
                self.let_arrive(connection)?;
            }
            Step::Answers(connection, count) => self.answers(connection, *count)?,
            Step::HalfClose(connection, bytes) => {
                let bytes = self.with_now(bytes)?;
                if !bytes.is_empty() {
                    self.transcript.sent(connection, &bytes);
                }
                self.transcript.line(&format!("{connection}: half-closed"));
                self.connection(connection)?.half_close(&bytes, deadline)?;
                let owed = self.connection(connection)?.owed();
                self.answers(connection, owed)?;
                self.closed(connection)?;
            }
            Step::Close(connection) => {
                self.connections
                    .remove(connection)
                    .ok_or_else(|| format!("no connection {connection} is open"))?;
                self.transcript.line(&format!("{connection}: closed"));
            }
            Step::Closed(connection) => self.closed(connection)?,
            Step::BadInput(node) => self.bad_input(node)?,
            Step::AskAll(line) => self.ask_all(line)?,
            Step::Places(mount) => self.places.mount(mount)?,
            Step::Upstream(count, parameters) => {
                let requests = self.places.requests();
                requests.iter().for_each(|request| self.transcript.line(&format!("upstream: {request}")));
                if requests.len() != *count {
                    return Err(format!("expected {count} requests upstream, there were {}", requests.len()));
                }
                self.transcript.line(&format!("upstream: {count} in all"));
                if let Some(request) = requests.iter().find(|request| !request.has("key", "<key>")) {
                    return Err(format!("expected a key upstream, there was {request}"));
                }
                for (request, (name, value)) in
                    requests.iter().flat_map(|request| parameters.iter().map(move |pair| (request, pair)))
                {
                    if !request.has(name, value) {
                        return Err(format!("expected {name}={value} upstream, there was {request}"));
                    }
                }
            }
            Step::Stop(nodes) => self.change("stopped", nodes, |herd| herd.stop(nodes))?,
            Step::Kill(nodes) => self.change("killed", nodes, |herd| herd.kill(nodes))?,
            Step::Start(nodes) => self.change("started", nodes, |herd| herd.start(nodes))?,
            Step::Settle(nodes) => self.settle(nodes)?,
        }
        Ok(())
    }

    fn running(&mut self) -> Result<Vec<(String, SocketAddr)>, String> {
        self.herd.running().map_err(|error| format!("{error:#}"))
    }

    fn address(&mut self, node: &str) -> Result<SocketAddr, String> {
        let running = self.running()?;
        let found = running.iter().find(|(name, _)| name == node).map(|(_, address)| *address);
        found.ok_or_else(|| format!("no node called {node} runs"))
    }

    /// A connection by its name; one that is called like a node is opened to it when first needed.
    fn connection(&mut self, name: &str) -> Result<&mut Connection, String> {
        if !self.connections.contains_key(name) {
            let address =
                self.address(name).map_err(|error| format!("no connection {name} is open, and {error}"))?;
            self.connections.insert(name.to_owned(), Connection::open(address, self.deadline)?);
        }
        self.connections.get_mut(name).ok_or_else(|| format!("no connection {name} is open"))
    }

    fn answers(&mut self, connection: &str, count: usize) -> Result<(), String> {
        let deadline = self.deadline;
        for _ in 0..count {
            let answer = self.connection(connection)?.answer(deadline)?;
            self.note(connection, answer);
        }
        Ok(())
    }

    /// Notes an answer, and what it tells of whom.
    fn note(&mut self, connection: &str, answer: Vec<u8>) {
        let answer = self.herd.localize(answer);
        if let Some((client, time)) = report(&answer) {
            let latest = self.reports.entry(client.to_vec()).or_insert(time);
            *latest = time.max(*latest);
        }
        self.transcript.answered(connection, &answer);
    }

    fn closed(&mut self, connection: &str) -> Result<(), String> {
        let deadline = self.deadline;
        let rest = self.connection(connection)?.rest(deadline)?;
        self.connections.remove(connection);
        self.note(connection, rest);
        self.transcript.line(&format!("{connection}: closed by the node"));
        Ok(())
    }

    fn ask_all(&mut self, line: &[u8]) -> Result<(), String> {
        let deadline = self.deadline;
        let line = &self.with_now(line)?[..];
        for (node, address) in self.running()? {
            let mut connection = Connection::open(address, deadline)?;
            self.transcript.said(&node, line);
            connection.send(&[line, b"\n"].concat(), deadline)?;
            let answer = connection.answer(deadline)?;
            self.note(&node, answer);
        }
        Ok(())
    }

    /// Says each line of the table of bad input on a connection of its own, and notes what is not answered as it should be.
    fn bad_input(&mut self, node: &str) -> Result<(), String> {
        let table = BadInput::read(FutureTimes::Bounded)?;
        let address = self.address(node)?;
        let mut wrong = 0;
        for case in &table.cases {
            let deadline = self.deadline.again();
            let mut connection = Connection::open(address, deadline)?;
            connection.half_close(&case.sent, deadline)?;
            let answer = self.herd.localize(connection.rest(deadline)?);
            if let Err(difference) = case.check_answer(node, &answer) {
                wrong += 1;
                self.transcript.line(&difference);
            }
        }
        let (rows, lines) = (table.rows, table.cases.len());
        self.transcript
            .line(&format!("{node}: {rows} rows of bad input, {lines} lines, {wrong} answered wrongly"));
        Ok(())
    }

    /// Lets what was sent reach the node before anything else is sent: by a round trip on another connection.
    fn let_arrive(&mut self, connection: &str) -> Result<(), String> {
        let deadline = self.deadline;
        let address = self.connection(connection)?.address();
        let mut probe = Connection::open(address, deadline)?;
        probe.send(b"\n", deadline)?;
        probe.answer(deadline).map(drop)
    }

    fn change(
        &mut self,
        done: &str,
        nodes: &[String],
        act: impl FnOnce(&mut dyn Herd) -> anyhow::Result<()>,
    ) -> Result<(), String> {
        act(self.herd).map_err(|error| format!("{error:#}"))?;
        for node in nodes {
            self.connections.remove(node);
            self.transcript.line(&format!("{node}: {done}"));
        }
        Ok(())
    }

    /// Waits until nodes know the same of every client, and nothing older than what any node has answered: nodes
    /// that have heard nothing would agree too. Each is asked with a bound of 0, which asks nobody upstream.
    fn settle(&mut self, nodes: &[String]) -> Result<(), String> {
        let mut asked = self.running()?;
        if !nodes.is_empty() {
            nodes.iter().try_for_each(|node| self.address(node).map(drop))?;
            asked.retain(|(name, _)| nodes.contains(name));
        }
        let (names, addresses): (Vec<String>, Vec<SocketAddr>) = asked.into_iter().unzip();
        let deadline = self.deadline;
        let open = |address| Connection::open(address, deadline);
        let mut asked: Vec<Connection> = addresses.into_iter().map(open).collect::<Result<_, _>>()?;
        for (client, latest) in &self.reports {
            let question = [b"WHATSAT ", &client[..], b" 0 0\n"].concat();
            loop {
                let mut answers = BTreeSet::new();
                // A time of its own, so that what is told at the end is what the nodes disagree about.
                let answered = deadline.again();
                for connection in &mut asked {
                    connection.send(&question, answered)?;
                    answers.insert(connection.answer(answered)?);
                }
                if agree(&answers, *latest) {
                    break;
                }
                if let Err(waited) = deadline.left() {
                    let answers: Vec<String> =
                        answers.iter().map(|answer| escape(first_line(answer))).collect();
                    return Err(format!(
                        "{waited} for {} to agree on the latest report of {}; they answer: {}",
                        names.join(", "),
                        escape(client),
                        answers.join(" | ")
                    ));
                }
                thread::sleep(POLL);
            }
        }
        self.transcript.line(&format!("settled: {}", names.join(", ")));
        Ok(())
    }

    /// Puts times of the clock for `{now}`, `{now+SECONDS}` and `{now-SECONDS}`.
    fn with_now(&mut self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let Ok(mut text) = String::from_utf8(bytes.to_vec()) else { return Ok(bytes.to_vec()) };
        while let Some((before, rest)) = text.split_once("{now") {
            let (offset, after) = rest.split_once('}').ok_or("`{now` lacks its `}`")?;
            let time = moved(self.now, offset).ok_or_else(|| format!("`{{now{offset}}}` is no time"))?;
            let stamp = format!("{}.{:09}", time.as_secs(), time.subsec_nanos());
            self.transcript.name_stamp(stamp.clone(), format!("{{now{offset}}}"));
            text = format!("{before}{stamp}{after}");
        }
        Ok(text.into_bytes())
    }
}

/// The client that an answer tells of, and the time of its report.
fn report(answer: &[u8]) -> Option<(&[u8], Time)> {
    let fields: Vec<&[u8]> = first_line(answer).split(|&byte| byte == b' ').collect();
    let [b"AT", _, _, client, _, stamp] = fields[..] else { return None };
    Some((client, Stamp::parse(stamp)?.time()))
}

/// Whether all answers are one, and tell a report as late as `latest`.
fn agree(answers: &BTreeSet<Vec<u8>>, latest: Time) -> bool {
    let is_late = |answer: &Vec<u8>| report(answer).is_some_and(|(_, time)| time >= latest);
    answers.len() <= 1 && answers.iter().all(is_late)
}

fn first_line(answer: &[u8]) -> &[u8] {
    answer.split(|&byte| byte == b'\n').next().unwrap_or_default()
}

/// `now`, moved by an offset like `+3600` or `-10.5`, or not at all when it is empty.
fn moved(now: Duration, offset: &str) -> Option<Duration> {
    if offset.is_empty() {
        return Some(now);
    }
    let seconds = |text: &str| Duration::try_from_secs_f64(text.parse().ok()?).ok();
    match offset.split_at_checked(1)? {
        ("+", text) => now.checked_add(seconds(text)?),
        ("-", text) => now.checked_sub(seconds(text)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_clock_are_moved_exactly_or_not_at_all() {
        let now = Duration::from_secs(1000);
        let millis = Duration::from_millis;
        for (offset, expected) in [("", 1_000_000), ("+3600", 4_600_000), ("-10.5", 989_500)] {
            assert_eq!(moved(now, offset), Some(millis(expected)), "{offset}");
        }
        for offset in ["+", "-", "5", "x5", "+-5", "--5", "+1e30", "-1001", "+nan", "é"] {
            assert_eq!(moved(now, offset), None, "{offset}");
        }
    }

    #[test]
    fn nodes_agree_on_the_latest_report_alone() {
        let at = |stamp: &str| format!("AT Alford +1.0 kiwi +1-1 {stamp}\n{{\n}}\n\n").into_bytes();
        let unknown = b"? WHATSAT kiwi 0 0\n".to_vec();
        let agree_on_5 = |answers: Vec<Vec<u8>>| {
            agree(&answers.into_iter().collect(), Stamp::parse(b"5").map(Stamp::time).unwrap())
        };
        assert!(agree_on_5(vec![at("5"), at("5")]));
        assert!(!agree_on_5(vec![at("5"), at("5.0")]));
        assert!(!agree_on_5(vec![at("5"), unknown.clone()]));
        assert!(!agree_on_5(vec![at("4.9"), at("4.9")]), "all have missed the latest");
        assert!(!agree_on_5(vec![unknown.clone(), unknown]), "all have heard nothing");
    }

    #[test]
    fn a_report_is_told_by_an_at_line_alone() {
        let (client, time) = report(b"AT Alford +1.0 kiwi +1-1 5.5\n{\n}\n\n").unwrap();
        assert_eq!((client, Some(time)), (&b"kiwi"[..], Stamp::parse(b"5.5").map(Stamp::time)));
        for other in [&b"? AT Alford +1.0 kiwi +1-1 5\n"[..], b"? WHATSAT kiwi 0 0\n", b"AT\n", b""] {
            assert_eq!(report(other), None);
        }
    }
}
