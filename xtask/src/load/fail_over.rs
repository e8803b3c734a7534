//! Counts the reports that a server answered before it was killed, and that the one that takes over
//! does not have.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::Protocol;

/// The timeout until the server is killed.
const KILLED: Duration = Duration::from_secs(60);

/// The time after which no more reports reach the successor, if none did. The neighbours of a node
/// that died publish its reports after 5 s.
const SETTLED: Duration = Duration::from_secs(15);

/// The timeout until no more reports reach the successor.
const MOST: Duration = Duration::from_secs(120);

/// The time between two looks at the clock, and between two rounds of questions.
const POLL: Duration = Duration::from_millis(1);

/// The number of questions that are in flight.
const QUESTIONS: usize = 1000;

/// A load on a server that somebody else kills, and the server that takes over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FailOver {
    /// The protocol of the commands: `SET` or `IAMAT`. A Redis server that takes over is promoted.
    pub protocol: Protocol,
    /// The server that is killed.
    pub server: SocketAddr,
    /// The server that takes over, in another region.
    pub successor: SocketAddr,
    /// The number of connections to the server.
    pub connections: u64,
    /// The most commands in flight on each connection.
    pub depth: u64,
    /// The commands a second on all connections together; `None` for a closed loop.
    pub rate: Option<f64>,
}

/// What was answered and lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailOverOutcome {
    /// The number of reports that the server answered. Each is of another client.
    pub answered: u64,
    /// The number of those that the successor does not have.
    pub lost: u64,
}

impl FailOverOutcome {
    /// The share of the answered reports that were lost, in percent; 0 if none was answered.
    pub fn lost_percent(&self) -> f64 {
        100.0 * self.lost as f64 / self.answered.max(1) as f64
    }
}

impl FailOver {
    /// Reports clients until the server is killed, and looks for them at the successor.
    ///
    /// # Errors
    /// A server cannot be reached, an answer is wrong, or the server is not killed within a minute.
    pub fn measure(&self) -> Result<FailOverOutcome> {
        let answered: Vec<u64> = thread::scope(|scope| {
            let connections: Vec<_> =
                (0..self.connections).map(|number| scope.spawn(move || self.report(number))).collect();
            let ended = connections.into_iter().map(thread::ScopedJoinHandle::join);
            ended.map(|answered| answered.expect("connections do not panic")).collect::<Result<_>>()
        })?;
        let reported = answered.iter().zip(0..);
        let mut missing: Vec<u64> = reported
            .flat_map(|(answered, connection)| (0..*answered).map(move |number| (connection, number)))
            .map(|(connection, number)| self.client(connection, number))
            .collect();
        let answered = missing.len() as u64;
        let stream = TcpStream::connect(self.successor);
        let mut stream =
            BufReader::new(stream.with_context(|| format!("cannot connect to {}", self.successor))?);
        if self.protocol == Protocol::Set {
            stream.get_mut().write_all(b"REPLICAOF NO ONE\r\n")?;
            let promoted = answer(&mut stream)?;
            ensure!(promoted.starts_with("+OK"), "Redis does not promote the replica: {promoted}");
        }
        self.wait_for_others(&mut stream, &mut missing)?;
        Ok(FailOverOutcome { answered, lost: missing.len() as u64 })
    }

    /// Keeps the clients that the successor does not get while it still gets some.
    fn wait_for_others(&self, stream: &mut BufReader<TcpStream>, missing: &mut Vec<u64>) -> Result<()> {
        let killed = Instant::now();
        let mut last_arrival = killed;
        loop {
            let before = missing.len();
            self.keep_missing(stream, missing)?;
            // Nothing can reach a Redis server that has no primary.
            if missing.is_empty() || self.protocol == Protocol::Set || last_arrival.elapsed() > SETTLED {
                return Ok(());
            }
            if missing.len() < before {
                last_arrival = Instant::now();
            }
            ensure!(killed.elapsed() < MOST, "{} still gets reports after {MOST:?}", self.successor);
            thread::sleep(POLL);
        }
    }

    /// The client that a connection reports with one of its commands.
    fn client(&self, connection: u64, number: u64) -> u64 {
        number * self.connections + connection
    }

    /// Reports clients on one connection until the server is killed. Returns the number of answers.
    fn report(&self, connection: u64) -> Result<u64> {
        let mut stream =
            TcpStream::connect(self.server).with_context(|| format!("cannot connect to {}", self.server))?;
        stream.set_nodelay(true)?;
        let stamp = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64;
        let started = Instant::now();
        let (mut commands, mut answered) = (Vec::new(), 0);
        while started.elapsed() < KILLED {
            let due = self.due(answered, started.elapsed());
            if due == answered {
                thread::sleep(POLL);
                continue;
            }
            commands.clear();
            for number in answered..due {
                self.protocol.write(&mut commands, self.client(connection, number), stamp + number);
            }
            // A server that was killed has still answered what can be read from its connection.
            let sent = stream.write_all(&commands);
            if !self.take_answers(&mut stream, &mut answered, due)? || sent.is_err() {
                return Ok(answered);
            }
        }
        bail!("{} was not killed within {KILLED:?}", self.server)
    }

    /// The number of commands of a connection that are due after `elapsed`.
    fn due(&self, answered: u64, elapsed: Duration) -> u64 {
        let most = answered + self.depth;
        let Some(rate) = self.rate else { return most };
        ((elapsed.as_secs_f64() * rate / self.connections as f64) as u64).clamp(answered, most)
    }

    /// Counts answers until there are `due` of them. Returns false if the connection ended before.
    fn take_answers(&self, stream: &mut impl Read, answered: &mut u64, due: u64) -> Result<bool> {
        let mut answers = BufReader::with_capacity(64 * 1024, stream);
        let mut line = Vec::new();
        while *answered < due {
            line.clear();
            // An answer that ends without a line end has not arrived.
            if answers.read_until(b'\n', &mut line).is_err() || line.pop() != Some(b'\n') {
                return Ok(false);
            }
            ensure!(
                self.protocol.is_right(&line),
                "a report was rejected: {}",
                String::from_utf8_lossy(&line).escape_debug()
            );
            *answered += 1;
        }
        Ok(true)
    }

    /// Asks the successor for clients, and keeps those that it does not have.
    fn keep_missing(&self, stream: &mut BufReader<TcpStream>, clients: &mut Vec<u64>) -> Result<()> {
        let mut missing = Vec::new();
        for some in clients.chunks(QUESTIONS) {
            let ask = |client: &u64| match self.protocol {
                Protocol::Set => format!("EXISTS {}\r\n", Protocol::client_id(*client)),
                _ => format!("WHATSAT {} 0 0\n", Protocol::client_id(*client)),
            };
            let questions: String = some.iter().map(ask).collect();
            stream.get_mut().write_all(questions.as_bytes())?;
            for client in some {
                if !is_known(stream)? {
                    missing.push(*client);
                }
            }
        }
        *clients = missing;
        Ok(())
    }
}

/// Reads the answer to a question for a client. Returns whether the server has the client.
fn is_known(stream: &mut impl BufRead) -> Result<bool> {
    let mut line = answer(stream)?;
    if line.starts_with("AT ") {
        // An answer without places follows, up to its empty line.
        while line != "\n" {
            line = answer(stream)?;
        }
        return Ok(true);
    }
    match line.trim_end() {
        ":1" => Ok(true),
        ":0" => Ok(false),
        question if question.starts_with('?') => Ok(false),
        other => bail!("expected an answer about a client, not {other:?}"),
    }
}

/// Reads a line.
fn answer(stream: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    ensure!(stream.read_line(&mut line)? > 0, "the successor closed the connection");
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail_over(rate: Option<f64>) -> FailOver {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let (server, successor) = (address, address);
        FailOver { protocol: Protocol::Set, server, successor, connections: 4, depth: 16, rate }
    }

    #[test]
    fn commands_are_due_by_the_clock_but_no_more_than_may_be_in_flight() {
        let (second, closed, open) = (Duration::from_secs(1), fail_over(None), fail_over(Some(40.0)));
        assert_eq!(closed.due(100, Duration::ZERO), 116);
        assert_eq!((open.due(0, Duration::ZERO), open.due(0, second), open.due(3, second)), (0, 10, 10));
        assert_eq!((open.due(12, second), open.due(0, 10 * second)), (12, 16));
    }

    #[test]
    fn a_torn_answer_has_not_arrived() {
        let (fail_over, mut answered) = (fail_over(None), 0);
        assert!(!fail_over.take_answers(&mut &b"+OK\r\n+OK\r\n+OK"[..], &mut answered, 3).unwrap());
        assert_eq!(answered, 2);
        assert!(fail_over.take_answers(&mut &b"+OK\r\n"[..], &mut answered, 3).unwrap());
        let rejected = fail_over.take_answers(&mut &b"-ERR no\r\n"[..], &mut answered, 4).unwrap_err();
        assert_eq!(rejected.to_string(), "a report was rejected: -ERR no\\r");
    }

    #[test]
    fn clients_are_known_to_redis_and_to_a_node_by_their_answers() {
        let mut redis = &b":1\r\n:0\r\n-ERR\r\n"[..];
        assert_eq!((is_known(&mut redis).unwrap(), is_known(&mut redis).unwrap()), (true, false));
        assert!(is_known(&mut redis).is_err());
        let mut node = &b"AT Alford +0.1 a +1+1 1\n{\"results\":[]}\n\n? WHATSAT b 0 0\n"[..];
        assert_eq!((is_known(&mut node).unwrap(), is_known(&mut node).unwrap()), (true, false));
        assert_eq!(FailOverOutcome { answered: 200, lost: 1 }.lost_percent(), 0.5);
        assert_eq!(FailOverOutcome { answered: 0, lost: 0 }.lost_percent(), 0.0);
    }
}
