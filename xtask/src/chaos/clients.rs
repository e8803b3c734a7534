//! Clients that send reports and questions to a herd, and add what they see to a history.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};

use crate::cluster::line_client::{ask, connect};
use crate::oracle::{Ending, EventKind, History, Keeps};

/// The state that all clients share.
pub(super) struct Clients {
    history: Mutex<History>,
    /// The start of the run by this process's monotonic clock.
    began: Instant,
    /// The same moment by the wall clock, which the nodes' logs use.
    began_at: SystemTime,
    acknowledged: AtomicU64,
    /// The number of the next operation or fault.
    next: AtomicU64,
    stop: AtomicBool,
    /// The number of clients that have started.
    reporters: AtomicU64,
    /// The most ids that one of them has reported.
    ids: AtomicU64,
    nodes: usize,
}

/// The number of ids that each client reports in turn.
const IDS: u64 = 20;

/// The number of operations after which a client goes over to other ids. A node that lost the
/// earlier ones would not get them again from their clients.
const OPERATIONS: u64 = 2000;

/// The number of clients of each node.
const EACH: u32 = 2;

/// One of this many operations is a WHATSAT.
const QUESTION: u64 = 10;

/// The time between two checks whether a report has reached every node.
const POLL: Duration = Duration::from_millis(5);

/// The time between two attempts of a client to connect to its node.
const RECONNECT: Duration = Duration::from_millis(5);

impl Clients {
    pub(super) fn new(history: History) -> Arc<Clients> {
        let nodes = history.setting.nodes.len();
        Arc::new(Clients {
            history: Mutex::new(history),
            began: Instant::now(),
            began_at: SystemTime::now(),
            acknowledged: AtomicU64::new(0),
            next: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            reporters: AtomicU64::new(0),
            ids: AtomicU64::new(0),
            nodes,
        })
    }

    /// Starts the clients of all nodes. Together they send `rate` lines a second.
    pub(super) fn start(self: Arc<Self>, nodes: &[SocketAddr], rate: u32) -> Vec<JoinHandle<()>> {
        let clients = EACH * nodes.len() as u32;
        let every = Duration::from_secs(1) * clients / rate.max(1);
        let each = nodes.iter().enumerate().flat_map(|node| std::iter::repeat_n(node, EACH as usize));
        each.map(|(node, address)| {
            let (clients, address) = (Arc::clone(&self), *address);
            thread::spawn(move || clients.send_lines(node, address, every))
        })
        .collect()
    }

    /// Asks all clients to stop after their current operation.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// The ids that may have been reported.
    pub(super) fn ids(&self) -> Vec<String> {
        let reported = self.reporters.load(Ordering::Relaxed);
        let ids = self.ids.load(Ordering::Relaxed);
        let clients = (0..reported).flat_map(|who| (0..ids).map(move |id| client_id(who, id)));
        clients.chain((0..self.nodes).map(probe_id)).collect()
    }

    pub(super) fn add_up(&self, node: usize) {
        self.add_event(EventKind::Up { node });
    }

    pub(super) fn add_down(&self, node: usize, keeps: Keeps) {
        self.add_event(EventKind::Down { node, keeps });
    }

    /// Adds the beginning of a fault, and returns its number.
    pub(super) fn begin_fault(&self, kind: &str, nodes: Vec<usize>, stops_answers: bool) -> u64 {
        let fault = self.next.fetch_add(1, Ordering::Relaxed);
        let kind = kind.to_owned();
        self.add_event(EventKind::FaultBegins { fault, kind, nodes, stops_answers });
        fault
    }

    pub(super) fn end_fault(&self, fault: u64) {
        self.add_event(EventKind::FaultEnds { fault });
    }

    /// Adds the panics in what a node wrote to standard error.
    pub(super) fn add_panics(&self, node: usize, stderr: &Path) {
        let text = std::fs::read_to_string(stderr).unwrap_or_default();
        for line in text.lines().filter(|line| line.contains("panicked at")) {
            self.add_event(EventKind::Panic { node, message: line.to_owned() });
        }
    }

    pub(super) fn add_usage(&self, node: usize, memory: u64, files: u64) {
        self.add_event(EventKind::Usage { node, memory, files });
    }

    /// Adds that all nodes know the updates acknowledged before `since`.
    pub(super) fn add_converged(&self, since: Instant) {
        let since = since.saturating_duration_since(self.began).as_micros() as u64;
        self.add_event(EventKind::Converged { since });
    }

    /// Returns the history, completed with the events of the nodes' logs and the final states.
    pub(super) fn take_history(&self, logged: Vec<(SystemTime, EventKind)>, endings: Vec<Ending>) -> History {
        let mut history = self.lock().clone();
        history.endings = endings;
        for (at, kind) in logged {
            let since = at.duration_since(self.began_at).unwrap_or_default();
            history.add(since.as_micros() as u64, kind);
        }
        history.events.sort_by_key(|event| event.at);
        history
    }

    /// The number of updates acknowledged so far.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add_event(&self, kind: EventKind) {
        let mut history = self.lock();
        // The time is read with the lock held, so that the times are in the order of the events.
        let at = self.began.elapsed().as_micros() as u64;
        history.add(at, kind);
    }

    /// Sends reports and questions to one node until [`stop`](Clients::stop) is called.
    fn send_lines(&self, node: usize, address: SocketAddr, every: Duration) {
        let who = self.reporters.fetch_add(1, Ordering::Relaxed);
        let mut connection: Option<BufReader<TcpStream>> = None;
        let mut due = Instant::now();
        for number in 0.. {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            // Lines that were not sent during an outage are skipped.
            due = (due + every).max(Instant::now());
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            if connection.is_none() {
                connection = connect(address).ok();
            }
            let Some(stream) = &mut connection else {
                thread::sleep(RECONNECT);
                continue;
            };
            let first = number / OPERATIONS * IDS;
            let id = client_id(who, first + number % IDS);
            self.ids.fetch_max(first + IDS, Ordering::Relaxed);
            let line = if number % QUESTION == QUESTION - 1 {
                format!("WHATSAT {id} 0 0")
            } else {
                format!("IAMAT {id} +{}.5-{}.25 {}", number % 90, number % 180, now())
            };
            if self.send_line(stream, node, &line).is_err() {
                connection = None;
            }
        }
    }

    /// Sends a line to a node, adds the operation and its answer to the history, and returns the
    /// answer.
    ///
    /// # Errors
    /// There is no answer. The connection cannot be used any more then.
    fn send_line(&self, stream: &mut BufReader<TcpStream>, node: usize, line: &str) -> Result<String> {
        let op = self.next.fetch_add(1, Ordering::Relaxed);
        self.add_event(EventKind::Invoke { op, node, line: line.to_owned() });
        let answer = ask(stream, line);
        match &answer {
            Ok(answer) => {
                self.acknowledged.fetch_add(u64::from(line.starts_with("IAMAT")), Ordering::Relaxed);
                self.add_event(EventKind::Ok { op, answer: answer.clone() });
            }
            Err(_) => self.add_event(EventKind::Info { op }),
        }
        answer
    }

    /// Reports another client at each node, and waits until every node knows all of these reports.
    /// Then every node knows all updates that were acknowledged before. Returns how long that took,
    /// or `None` if it took longer than `patience`.
    pub(super) fn converge(&self, nodes: &[SocketAddr], patience: Duration) -> Option<Duration> {
        let began = Instant::now();
        let ids: Vec<String> = (0..nodes.len()).map(probe_id).collect();
        let mut answers: Vec<Option<String>> = vec![None; nodes.len()];
        loop {
            for (node, answer) in answers.iter_mut().enumerate().filter(|(_, answer)| answer.is_none()) {
                let line = format!("IAMAT {} +0.5-0.25 {}", ids[node], now());
                let sent =
                    connect(nodes[node]).and_then(|mut stream| self.send_line(&mut stream, node, &line));
                *answer = sent.ok();
            }
            let all: Option<Vec<&String>> = answers.iter().map(Option::as_ref).collect();
            let knows = |address: &SocketAddr, all: &[&String]| {
                ask_about(*address, &ids).is_ok_and(|known| all.iter().all(|line| known.contains(line)))
            };
            if all.is_some_and(|all| nodes.iter().all(|address| knows(address, &all))) {
                self.add_converged(began);
                return Some(began.elapsed());
            }
            if began.elapsed() > patience {
                return None;
            }
            thread::sleep(POLL);
        }
    }
}

/// The id of the client that is reported at a node to measure when every node knows it.
fn probe_id(node: usize) -> String {
    format!("probe-{node}")
}

fn client_id(who: u64, id: u64) -> String {
    format!("client-{who}-{id}")
}

/// The time in seconds since 1970, as clients write it.
fn now() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:09}", now.as_secs(), now.subsec_nanos())
}

/// Asks a node about these clients. Returns the AT lines, sorted.
pub(super) fn ask_about(address: SocketAddr, ids: &[String]) -> Result<Vec<String>> {
    let stream = connect(address)?;
    let questions: String = ids.iter().map(|id| format!("WHATSAT {id} 0 0\n")).collect();
    let mut writer = stream.get_ref().try_clone()?;
    let writing = thread::spawn(move || {
        writer.write_all(questions.as_bytes())?;
        writer.shutdown(Shutdown::Write)
    });
    let mut lines = Vec::new();
    for line in stream.lines() {
        let line = line?;
        if line.starts_with("AT ") {
            lines.push(line);
        }
    }
    let written = writing.join().is_ok_and(|written| written.is_ok());
    ensure!(written, "cannot send all questions to {address}");
    lines.sort_unstable();
    Ok(lines)
}
