//! Clients that report and ask, and write down what they saw.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use crate::oracle::{Ending, History, Keeps, What};

/// What all clients share.
pub(super) struct Clients {
    history: Mutex<History>,
    /// By both clocks: that of this process, and that of the nodes' logs.
    began: Instant,
    began_at: SystemTime,
    acknowledged: AtomicU64,
    /// Numbers operations and faults.
    next: AtomicU64,
    stop: AtomicBool,
    /// How many clients report.
    reporters: AtomicU64,
    nodes: usize,
}

/// Each client reports under so many ids in turn.
const IDS: u64 = 20;

/// So many clients talk to each node.
const EACH: u32 = 2;

/// Of so many operations one is a question.
const QUESTION: u64 = 10;

/// How long a client waits for an answer before it gives up. More than any node may be paused.
const ANSWER: Duration = Duration::from_secs(8);

/// How often it is looked whether a report has come to every node.
const LOOK: Duration = Duration::from_millis(5);

/// How often a client tries to reach a node that is away.
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
            nodes,
        })
    }

    /// Starts clients of all nodes, that report so often a second together.
    pub(super) fn start(self: Arc<Self>, nodes: &[SocketAddr], rate: u32) -> Vec<JoinHandle<()>> {
        let clients = EACH * nodes.len() as u32;
        let every = Duration::from_secs(1) * clients / rate.max(1);
        let each = nodes.iter().enumerate().flat_map(|node| std::iter::repeat_n(node, EACH as usize));
        each.map(|(node, address)| {
            let (clients, address) = (Arc::clone(&self), *address);
            thread::spawn(move || clients.talk(node, address, every))
        })
        .collect()
    }

    /// Has all clients stop after what they are doing.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// The ids that were reported under.
    pub(super) fn ids(&self) -> Vec<String> {
        let reported = self.reporters.load(Ordering::Relaxed);
        let clients = (0..reported).flat_map(|who| (0..IDS).map(move |id| client_id(who, id)));
        clients.chain((0..self.nodes).map(probe_id)).collect()
    }

    pub(super) fn note_up(&self, node: usize) {
        self.note(What::Up { node });
    }

    pub(super) fn note_down(&self, node: usize, keeps: Keeps) {
        self.note(What::Down { node, keeps });
    }

    /// Notes that something is broken, and tells its number.
    pub(super) fn note_fault(&self, kind: &str, nodes: Vec<usize>, stops_answers: bool) -> u64 {
        let fault = self.next.fetch_add(1, Ordering::Relaxed);
        let kind = kind.to_owned();
        self.note(What::FaultBegins { fault, kind, nodes, stops_answers });
        fault
    }

    pub(super) fn note_mended(&self, fault: u64) {
        self.note(What::FaultEnds { fault });
    }

    /// Notes what a node has written to its standard error when it panicked.
    pub(super) fn note_panics(&self, node: usize, stderr: &Path) {
        let said = std::fs::read_to_string(stderr).unwrap_or_default();
        for line in said.lines().filter(|line| line.contains("panicked at")) {
            self.note(What::Panic { node, message: line.to_owned() });
        }
    }

    pub(super) fn note_usage(&self, node: usize, memory: u64, files: u64) {
        self.note(What::Usage { node, memory, files });
    }

    /// Notes that all nodes know what had been acknowledged before `since`.
    pub(super) fn note_converged(&self, since: Instant) {
        let since = since.saturating_duration_since(self.began).as_micros() as u64;
        self.note(What::Converged { since });
    }

    /// The history, with what the nodes' logs tell besides, and how each node was in the end.
    pub(super) fn take_history(&self, logged: Vec<(SystemTime, What)>, endings: Vec<Ending>) -> History {
        let mut history = self.lock().clone();
        history.endings = endings;
        for (at, what) in logged {
            let since = at.duration_since(self.began_at).unwrap_or_default();
            history.note(since.as_micros() as u64, what);
        }
        history.events.sort_by_key(|event| event.at);
        history
    }

    /// How many updates have been acknowledged so far.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, what: What) {
        let mut history = self.lock();
        // Inside the lock, so that times are in the order of events.
        let at = self.began.elapsed().as_micros() as u64;
        history.note(at, what);
    }

    /// Reports and asks at one node until told to stop.
    fn talk(&self, node: usize, address: SocketAddr, every: Duration) {
        let who = self.reporters.fetch_add(1, Ordering::Relaxed);
        let mut connection: Option<BufReader<TcpStream>> = None;
        let mut due = Instant::now();
        for number in 0.. {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            // After an outage reports go on, and do not make up for it.
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
            let id = client_id(who, number % IDS);
            let line = if number % QUESTION == QUESTION - 1 {
                format!("WHATSAT {id} 0 0")
            } else {
                format!("IAMAT {id} +{}.5-{}.25 {}", number % 90, number % 180, now())
            };
            if self.say(stream, node, &line).is_err() {
                connection = None;
            }
        }
    }

    /// Says a line to a node, notes both it and the answer, and tells that.
    ///
    /// # Errors
    /// There is no answer; the connection is of no use any more.
    fn say(&self, stream: &mut BufReader<TcpStream>, node: usize, line: &str) -> Result<String> {
        let op = self.next.fetch_add(1, Ordering::Relaxed);
        self.note(What::Invoke { op, node, line: line.to_owned() });
        let answer = ask(stream, line);
        match &answer {
            Ok(answer) => {
                self.acknowledged.fetch_add(u64::from(line.starts_with("IAMAT")), Ordering::Relaxed);
                self.note(What::Ok { op, answer: answer.clone() });
            }
            Err(_) => self.note(What::Info { op }),
        }
        answer
    }

    /// Reports a client of its own at each node, and waits until every node knows all of those: then they know whatever had been
    /// acknowledged before. Tells how long that took; `None` is for longer than `patience`.
    pub(super) fn converge(&self, nodes: &[SocketAddr], patience: Duration) -> Option<Duration> {
        let began = Instant::now();
        let ids: Vec<String> = (0..nodes.len()).map(probe_id).collect();
        let mut told: Vec<Option<String>> = vec![None; nodes.len()];
        loop {
            for (node, told) in told.iter_mut().enumerate().filter(|(_, told)| told.is_none()) {
                let line = format!("IAMAT {} +0.5-0.25 {}", ids[node], now());
                *told = connect(nodes[node]).and_then(|mut stream| self.say(&mut stream, node, &line)).ok();
            }
            let all: Option<Vec<&String>> = told.iter().map(Option::as_ref).collect();
            let knows = |address: &SocketAddr, all: &[&String]| {
                ask_about(*address, &ids).is_ok_and(|known| all.iter().all(|line| known.contains(line)))
            };
            if all.is_some_and(|all| nodes.iter().all(|address| knows(address, &all))) {
                self.note_converged(began);
                return Some(began.elapsed());
            }
            if began.elapsed() > patience {
                return None;
            }
            thread::sleep(LOOK);
        }
    }
}

/// The client that is reported at a node to see how long that takes to be known everywhere.
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

fn connect(address: SocketAddr) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER))?;
    stream.set_write_timeout(Some(ANSWER))?;
    Ok(BufReader::new(stream))
}

/// Says a line and returns the answer's first line. What follows the AT line of a question is read too.
fn ask(stream: &mut BufReader<TcpStream>, line: &str) -> Result<String> {
    stream.get_mut().write_all(format!("{line}\n").as_bytes())?;
    let answer = read_line(stream)?;
    if line.starts_with("WHATSAT") && answer.starts_with("AT ") {
        while !read_line(stream)?.is_empty() {}
    }
    Ok(answer)
}

fn read_line(stream: &mut BufReader<TcpStream>) -> Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let line = line.strip_suffix('\n').context("the connection ended")?;
    Ok(line.to_owned())
}

/// What a node knows of these clients: AT lines, sorted.
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
    ensure!(written, "{address} did not take all questions");
    lines.sort_unstable();
    Ok(lines)
}
