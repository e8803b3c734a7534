//! Chaos on real processes: clients report, nodes are killed, paused and restarted, and the oracle looks at what the
//! clients saw.

mod clients;
mod fault;

pub use fault::FaultName;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fastrand::Rng;

use crate::herd_file::HerdFile;
use crate::oracle::{Durability, Ending, History, Setting, Source, Verdict, check};
use crate::output::print;
use crate::ports::PortBlock;
use crate::processes::{Processes, Setup};
use clients::{Clients, ask_about};
use fault::{Fault, Stage};

/// What is done to a herd.
#[derive(Clone, Debug)]
pub struct Chaos {
    /// Draws the faults.
    pub seed: u64,
    /// How many faults, one after another.
    pub rounds: u32,
    /// Reports a second, at all nodes together.
    pub rate: u32,
    /// The herd.
    pub file: HerdFile,
    /// The node program.
    pub program: PathBuf,
    /// When what nodes know is on disk.
    pub durability: Durability,
    /// What may happen.
    pub faults: Vec<FaultName>,
    /// Where files go; emptied.
    pub folder: PathBuf,
}

/// All nodes must know the same so long after the last fault.
const SETTLES: Duration = Duration::from_secs(10);

/// A live node answers within so many microseconds, on a machine that is busy with everything at once.
const PATIENCE: u64 = 5_000_000;

/// More bytes than a node of some hundred clients ever takes.
const MEMORY: u64 = 256 * 1024 * 1024;

/// How long clients talk between two faults, at least, in milliseconds; at most twice that.
const CALM: u64 = 500;

/// How often it is looked whether all nodes know the same.
const LOOK: Duration = Duration::from_millis(50);

/// What came out.
#[derive(Debug)]
pub struct Outcome {
    /// The oracle's verdict.
    pub verdict: Verdict,
    /// The history, for `check-history`.
    pub history: PathBuf,
    /// How long after the last fault all nodes knew the same; `None` if they never did.
    pub settled: Option<Duration>,
}

impl Chaos {
    /// Runs all rounds.
    ///
    /// # Errors
    /// The herd cannot be run.
    pub fn run(&self) -> Result<Outcome> {
        let _ = std::fs::remove_dir_all(&self.folder);
        let nodes = u16::try_from(self.file.herd().members.len())?;
        let ports = PortBlock::take(2 * nodes)?;
        let mut processes = Processes::new(self.setup(&ports)?)?;
        let names = processes.names();
        let clients = Clients::new(self.history(&names));
        for node in 0..names.len() {
            clients.note_up(node);
        }
        processes.start_all()?;
        let addresses: Vec<_> = processes.herd().members.iter().map(|member| member.client).collect();
        let load = Arc::clone(&clients).start(&addresses, self.rate);

        let mut rng = Rng::with_seed(self.seed);
        for round in 1..=self.rounds {
            thread::sleep(Duration::from_millis(CALM + rng.u64(..CALM)));
            let fault = Fault::draw(&self.faults, names.len(), &mut rng);
            print(&format!("{round} of {}: {}\n", self.rounds, fault.describe(&names)))?;
            fault.happen(&mut Stage { processes: &mut processes, clients: &clients, names: &names })?;
        }
        thread::sleep(Duration::from_millis(CALM));
        clients.stop();
        for client in load {
            client.join().map_err(|_| anyhow::anyhow!("a client panicked"))?;
        }
        self.judge(&mut processes, &clients)
    }

    fn setup(&self, ports: &PortBlock) -> Result<Setup> {
        let file = self.file.at_ports(ports.first())?;
        let mut setup = Setup::clean(file, self.program.clone(), self.folder.join("herd"));
        let durability = match self.durability {
            Durability::Memory => return Ok(setup),
            Durability::Everysec => "everysec",
            Durability::Always => "always",
        };
        setup.data = Some(self.folder.join("data"));
        setup.args.extend(["--durability", durability].map(Into::into));
        Ok(setup)
    }

    fn history(&self, names: &[String]) -> History {
        let degrees: usize = self.file.herd().members.iter().map(|member| member.neighbours.len()).sum();
        History::new(Setting {
            nodes: names.to_vec(),
            edges: degrees / 2,
            durability: self.durability,
            source: Source::Processes,
            patience: PATIENCE,
            memory: MEMORY,
        })
    }

    /// Waits until the herd has settled, and has the oracle look at what happened.
    fn judge(&self, processes: &mut Processes, clients: &Clients) -> Result<Outcome> {
        let began = Instant::now();
        let addresses: Vec<_> = processes.herd().members.iter().map(|member| member.client).collect();
        let (known, settled) = loop {
            let ids = clients.ids();
            let known =
                addresses.iter().map(|address| ask_about(*address, &ids)).collect::<Result<Vec<_>>>()?;
            let same = known.windows(2).all(|pair| pair[0] == pair[1]);
            let late = began.elapsed() > SETTLES;
            if same || late {
                break (known, same.then(|| began.elapsed()));
            }
            thread::sleep(LOOK);
        };
        let names = processes.names();
        let mut endings = Vec::new();
        for (name, lines) in names.iter().zip(known) {
            let memory = processes.pid(name)?.map_or(0, peak_memory);
            endings.push(Ending { lines, memory, ..Ending::default() });
        }
        processes.stop_all()?;
        for (node, name) in names.iter().enumerate() {
            clients.note_panics(node, &self.folder.join("herd").join(format!("{name}.stderr")));
        }
        let history = clients.take_history(endings);
        let file = self.folder.join("history.jsonl");
        history.write(&file)?;
        Ok(Outcome { verdict: check(&history), history: file, settled })
    }
}

/// The most bytes of memory that a process has had.
fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: u64 =
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default();
    1024 * kilobytes
}

/// Tells an outcome.
///
/// # Errors
/// A promise was broken: the message says how to see it again.
pub fn tell(outcome: &Outcome, again: &str) -> Result<()> {
    let history: &Path = &outcome.history;
    let settled = outcome
        .settled
        .map_or_else(|| "never settled".to_owned(), |after| format!("settled after {after:.1?}"));
    print(&format!("{}{settled}\nhistory: {}\n", outcome.verdict, history.display()))?;
    if !outcome.verdict.violations.is_empty() {
        bail!("a promise was broken; again by `{again}`");
    }
    outcome.settled.context("the nodes differ").map(drop)
}
