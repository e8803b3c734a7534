//! Playing a session.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::connection::Connection;
use super::transcript::Transcript;
use super::{Session, SessionError, Step};
use crate::places_stub::PlacesStub;

/// How long a flood may take to settle.
const SETTLE: Duration = Duration::from_secs(10);

/// How often nodes are asked whether it has.
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

/// Plays a session against a herd and its Places service; returns the transcript.
///
/// # Errors
/// What was expected at which line and did not come.
pub fn play(session: &Session, herd: &mut dyn Herd, places: &PlacesStub) -> Result<String, SessionError> {
    let mut player = Player {
        herd,
        places,
        connections: BTreeMap::new(),
        clients: BTreeSet::new(),
        transcript: Transcript::default(),
        now: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
    };
    for (line, step) in &session.steps {
        player.step(step).map_err(|message| session.error(*line, message))?;
    }
    Ok(player.transcript.into_text())
}

struct Player<'a> {
    herd: &'a mut dyn Herd,
    places: &'a PlacesStub,
    connections: BTreeMap<String, Connection>,
    /// Clients whose reports a node has answered with an AT line.
    clients: BTreeSet<Vec<u8>>,
    transcript: Transcript,
    /// What `{now}` stands for: when the session began.
    now: Duration,
}

impl Player<'_> {
    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Connect { connection, node } => {
                let address = self.address(node)?;
                self.connections.insert(connection.clone(), Connection::open(address)?);
                self.transcript.line(&format!("{connection}: connected to {node}"));
            }
            Step::Say(connection, line) => {
                let line = self.with_now(line)?;
                self.transcript.said(connection, &line);
                self.connection(connection)?.send(&[&line[..], b"\n"].concat())?;
                let owed = self.connection(connection)?.owed();
                self.answers(connection, owed)?;
            }
            Step::Send(connection, bytes) => {
                let bytes = self.with_now(bytes)?;
                self.transcript.sent(connection, &bytes);
                self.connection(connection)?.send(&bytes)?;
                self.let_arrive(connection)?;
            }
            Step::Answers(connection, count) => self.answers(connection, *count)?,
            Step::HalfClose(connection) => {
                self.transcript.line(&format!("{connection}: half-closed"));
                self.connection(connection)?.half_close()?;
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
            self.connections.insert(name.to_owned(), Connection::open(address)?);
        }
        self.connections.get_mut(name).ok_or_else(|| format!("no connection {name} is open"))
    }

    fn answers(&mut self, connection: &str, count: usize) -> Result<(), String> {
        for _ in 0..count {
            let answer = self.connection(connection)?.answer()?;
            self.note(connection, answer);
        }
        Ok(())
    }

    /// Notes an answer, and whose location it tells.
    fn note(&mut self, connection: &str, answer: Vec<u8>) {
        let answer = self.herd.localize(answer);
        let mut fields = answer.split(|&byte| byte == b' ');
        if fields.next() == Some(b"AT")
            && let Some(client) = fields.nth(2)
        {
            self.clients.insert(client.to_vec());
        }
        self.transcript.answered(connection, &answer);
    }

    fn closed(&mut self, connection: &str) -> Result<(), String> {
        let rest = self.connection(connection)?.rest()?;
        self.connections.remove(connection);
        self.note(connection, rest);
        self.transcript.line(&format!("{connection}: closed by the node"));
        Ok(())
    }

    fn ask_all(&mut self, line: &[u8]) -> Result<(), String> {
        for (node, address) in self.running()? {
            let mut connection = Connection::open(address)?;
            self.transcript.said(&node, line);
            connection.send(&[line, b"\n"].concat())?;
            let answer = connection.answer()?;
            self.note(&node, answer);
        }
        Ok(())
    }

    /// Lets what was sent reach the node before anything else is sent: by a round trip on another connection.
    fn let_arrive(&mut self, connection: &str) -> Result<(), String> {
        let address = self.connection(connection)?.address();
        let mut probe = Connection::open(address)?;
        probe.send(b"\n")?;
        probe.answer().map(drop)
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

    /// Waits until nodes know the same of every client. Each is asked with a bound of 0, which asks nobody
    /// upstream; a node that has answered a report shows it, so equal answers include every report answered.
    fn settle(&mut self, nodes: &[String]) -> Result<(), String> {
        let mut asked: Vec<(String, Connection)> = Vec::new();
        for (name, address) in self.running()? {
            if nodes.is_empty() || nodes.contains(&name) {
                asked.push((name, Connection::open(address)?));
            }
        }
        let deadline = Instant::now() + SETTLE;
        for client in &self.clients {
            let question = [b"WHATSAT ", &client[..], b" 0 0\n"].concat();
            loop {
                let mut answers = BTreeSet::new();
                for (_, connection) in &mut asked {
                    connection.send(&question)?;
                    answers.insert(connection.answer()?);
                }
                if answers.len() <= 1 {
                    break;
                }
                if Instant::now() > deadline {
                    let client = super::escape::escape(client);
                    return Err(format!(
                        "waited {SETTLE:?} for the nodes to agree on {client}; they answer {answers:?}"
                    ));
                }
                thread::sleep(POLL);
            }
        }
        let names: Vec<&str> = asked.iter().map(|(name, _)| name.as_str()).collect();
        self.transcript.line(&format!("settled: {}", names.join(", ")));
        Ok(())
    }

    /// Puts times of the clock for `{now}`, `{now+SECONDS}` and `{now-SECONDS}`.
    fn with_now(&mut self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let Ok(mut text) = String::from_utf8(bytes.to_vec()) else { return Ok(bytes.to_vec()) };
        while let Some((before, rest)) = text.split_once("{now") {
            let (offset, after) = rest.split_once('}').ok_or("`{now` lacks its `}`")?;
            let (sign, seconds) = offset.split_at(offset.len().min(1));
            let seconds: f64 = if offset.is_empty() {
                0.0
            } else {
                seconds.parse().map_err(|_| format!("`{{now{offset}}}` is no time"))?
            };
            let seconds = Duration::from_secs_f64(seconds);
            let time = if sign == "-" { self.now.saturating_sub(seconds) } else { self.now + seconds };
            let stamp = format!("{}.{:09}", time.as_secs(), time.subsec_nanos());
            self.transcript.name_stamp(stamp.clone(), format!("{{now{offset}}}"));
            text = format!("{before}{stamp}{after}");
        }
        Ok(text.into_bytes())
    }
}
