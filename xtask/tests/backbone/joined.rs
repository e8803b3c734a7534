//! A herd in two regions, and what tests ask of it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use fixtures::checkout::scratch;
use serde_json::Value;
use xtask::cluster::backbone::{Backbone, NatsServers, halves, nats_server};
use xtask::cluster::herd_file::HerdFile;
use xtask::cluster::processes::Processes;
use xtask::cluster::test_herd::TestHerd;
use xtask::cluster::workspace::{Profile, herd_binary};

/// The time limit for whatever a test waits for. An election of the servers takes up to ten
/// seconds.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The time between two looks.
pub(crate) const POLL: Duration = Duration::from_millis(20);

pub(crate) const WEST: [&str; 2] = ["Alford", "Powell"];

pub(crate) const EAST: [&str; 3] = ["Bolden", "Hamilton", "Parker"];

/// The classroom herd, cut into Alford and Powell in the west, and Bolden, Hamilton and Parker in
/// the east.
pub(crate) struct Joined {
    pub(crate) herd: TestHerd,
    pub(crate) servers: NatsServers,
    next_report: u64,
}

impl Joined {
    /// Starts the herd and `count` servers. Returns `None` if the servers cannot be had.
    pub(crate) fn start(test: &str, count: u16) -> Option<Joined> {
        Joined::start_with(test, count, "")
    }

    /// The same, with further keys in the `[backbone]` table.
    pub(crate) fn start_with(test: &str, count: u16, keys: &str) -> Option<Joined> {
        let program = server()?;
        let folder = scratch(test);
        let servers = NatsServers::start(program, folder.join("nats"), count).unwrap();
        let herd = TestHerd::new(&HerdFile::find("2015-winter").unwrap(), |file, _| {
            let backbone = Backbone { keys: keys.parse()?, ..servers.backbone() };
            let program = herd_binary(Profile::Debug)?;
            Processes::new(halves(&file)?.setup(&backbone, program, folder.join("herd"))?)
        });
        let mut joined = Joined::of(herd.unwrap(), servers);
        joined.herd.start_all().unwrap();
        Some(joined)
    }

    /// A herd whose nodes have not started.
    pub(crate) fn of(herd: TestHerd, servers: NatsServers) -> Joined {
        Joined { herd, servers, next_report: 1_500_000_000 }
    }

    pub(crate) fn ask(&self, node: &str, line: &str) -> String {
        let address = self.herd.herd().member(node).unwrap().client;
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(format!("{line}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        answer
    }

    /// Lets a client report to a node, and returns the answer.
    pub(crate) fn report(&mut self, node: &str, client: &str) -> String {
        self.next_report += 1;
        let answer = self.ask(node, &format!("IAMAT {client} +34.0-118.4 {}", self.next_report));
        assert!(answer.starts_with(&format!("AT {node} ")), "{answer}");
        answer
    }

    /// Waits until nodes know a report.
    pub(crate) fn wait_for(&self, nodes: &[&str], report: &str) {
        let client = report.split(' ').nth(3).unwrap();
        let question = format!("WHATSAT {client} 0 0");
        for node in nodes {
            wait_until(|| {
                let answer = self.ask(node, &question);
                if answer == report { Ok(()) } else { Err(format!("{node} answers {answer:?}")) }
            });
        }
    }

    pub(crate) fn kill(&mut self, nodes: &[&str]) {
        self.herd.kill(&nodes.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
    }

    pub(crate) fn start_nodes(&mut self, nodes: &[&str]) {
        self.herd.start(&nodes.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
    }

    /// Waits until a node's log has a text.
    pub(crate) fn wait_for_log(&self, node: &str, text: &str) {
        wait_until(|| {
            let log = self.log(node);
            if log.contains(text) { Ok(()) } else { Err(log) }
        });
    }

    /// The text of a node's log.
    pub(crate) fn log(&self, node: &str) -> String {
        fs::read_to_string(self.herd.log(node)).unwrap()
    }
}

/// The server program; `None` if it cannot be had.
pub(crate) fn server() -> Option<PathBuf> {
    let found = nats_server(&print_line);
    if let Err(error) = &found {
        print_line(&format!("not tested: the servers of the backbone cannot be had: {error:#}"));
    }
    found.ok()
}

pub(crate) fn print_line(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

pub(crate) fn wait_until(mut is_done: impl FnMut() -> Result<(), String>) {
    let deadline = Instant::now() + DEADLINE;
    while let Err(state) = is_done() {
        assert!(Instant::now() < deadline, "after {DEADLINE:?}: {state}");
        thread::sleep(POLL);
    }
}

/// Sends a request to the first server, and returns the JSON of the answer.
pub(crate) fn request(joined: &Joined, subject: &str, body: &str) -> Value {
    let url = joined.servers.backbone().urls[0].clone();
    let mut stream = TcpStream::connect(url.trim_start_matches("nats://")).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let length = body.len();
    let lines =
        format!("CONNECT {{\"verbose\":false}}\r\nSUB reply 1\r\nPUB {subject} reply {length}\r\n{body}\r\n");
    stream.write_all(lines.as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    lines.find(|line| line.starts_with("MSG reply ")).unwrap();
    serde_json::from_str(&lines.next().unwrap()).unwrap()
}
