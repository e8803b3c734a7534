//! Chaos on real processes: clients send reports while faults are injected into nodes and links,
//! and the oracle checks the history of the clients.
//!
//! The seed decides which faults happen, to which nodes and for how long. Everything else depends
//! on the machine, so a run with the same seed has the same faults but not the same history.

mod backbone_faults;
mod clients;
mod fault;
mod herd_under_test;
mod link_log;
mod open_files;
mod report;
pub(crate) mod small_disks;
mod start;

pub use fault::{Available, FaultName, possible_faults};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use fastrand::Rng;

use crate::cluster::herd_file::HerdFile;
use crate::cluster::proc_usage::peak_bytes;
use crate::cluster::proxy::Proxy;
use crate::oracle::timeline;
use crate::oracle::{Ending, History, Persistence, Verdict, check_history};
use clients::ask_about;
use fault::Fault;
use herd_under_test::HerdUnderTest;

/// The settings of a run.
#[derive(Clone, Debug)]
pub struct Chaos {
    /// The seed of the faults.
    pub seed: u64,
    /// The length of the run.
    pub length: Length,
    /// The lines a second that all clients send together.
    pub rate: u32,
    /// The herd.
    pub file: HerdFile,
    /// The names of the nodes of each region, if servers of the backbone join the herd.
    pub regions: Option<BTreeMap<String, Vec<String>>>,
    /// The node program.
    pub program: PathBuf,
    /// Another node program, with which all nodes start, if there is one.
    pub former: Option<PathBuf>,
    /// Whether and when a node's records are on disk.
    pub durability: Persistence,
    /// The faults that may happen.
    pub faults: Vec<FaultName>,
    /// Whether links are plain TCP, so that faults cut between the bytes of lines.
    pub insecure_links: bool,
    /// The folder for data, logs and the history. Its contents are deleted first.
    pub folder: PathBuf,
    /// The command that repeats the run.
    pub command: String,
}

/// The length of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// The run ends after this number of faults.
    Rounds(u32),
    /// The run ends after this time, when the current fault has ended.
    Time(Duration),
}

/// The time after a fault, and at the end, within which all nodes must agree.
pub(crate) const SETTLES: Duration = Duration::from_secs(10);

/// The same for a herd that the backbone joins. Its servers take up to ten seconds for an election.
const JOINED_SETTLES: Duration = Duration::from_secs(30);

/// The shortest time between two faults, in milliseconds. The longest time is twice that.
const CALM: u64 = 500;

/// The time between two checks whether all nodes agree.
const POLL: Duration = Duration::from_millis(50);

/// The time for which a settled herd must send no updates.
const REST: Duration = Duration::from_secs(1);

/// The functions that a run reports its progress to.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Gets text in pieces, which may be parts of lines. An error ends the run.
    pub text: fn(&str) -> Result<()>,
    /// Gets a status, which the next status replaces.
    pub status: fn(&str),
}

/// The result of a run.
#[derive(Debug)]
pub struct ChaosOutcome {
    /// The history of the run.
    pub history: History,
    /// The oracle's verdict on the history.
    pub verdict: Verdict,
    /// For each fault: the time from its end until all nodes knew the updates acknowledged before;
    /// `None` if that took longer than the limit.
    pub converged: Vec<Option<Duration>>,
    /// The time from the last operation until all nodes agreed; `None` if they never did.
    pub settled: Option<Duration>,
    /// The time within which they had to agree.
    pub settles: Duration,
    /// The number of connections between nodes that the proxy reset.
    pub resets: u64,
    /// The files of the history, for `check-history`, and of the timeline.
    pub files: [PathBuf; 2],
}

impl Chaos {
    /// Starts the herd, injects faults while clients send lines, and has the oracle check the
    /// history. Writes the history and a timeline to files.
    ///
    /// # Errors
    /// A fault is not possible here, the herd does not start, a node ends by itself, or `progress`
    /// fails. All nodes have ended then; their logs are left in the folder.
    pub fn break_herd(&self, progress: Progress) -> Result<ChaosOutcome> {
        let _ = std::fs::remove_dir_all(&self.folder);
        let mut herd = self.prepare(progress)?;
        let converged = self.inject_faults(&mut herd, progress)?;
        self.finish(herd, converged)
    }

    /// The time after a fault, and at the end, within which all nodes must agree.
    fn settles(&self) -> Duration {
        if self.regions.is_some() { JOINED_SETTLES } else { SETTLES }
    }

    /// Starts nodes and clients, and injects faults one after another. Returns how long after each
    /// fault all nodes agreed.
    fn inject_faults(&self, herd: &mut HerdUnderTest, progress: Progress) -> Result<Vec<Option<Duration>>> {
        for node in 0..herd.names.len() {
            herd.clients.add_up(node);
        }
        herd.processes.start_all()?;
        let addresses = herd.addresses();
        let load = Arc::clone(&herd.clients).start(&addresses, self.rate);
        let shape = self.shape();
        let mut rng = Rng::with_seed(self.seed);
        let began = Instant::now();
        let mut converged = Vec::new();
        while !self.length.is_over(began, converged.len()) {
            thread::sleep(Duration::from_millis(CALM + rng.u64(..CALM)));
            (progress.status)(&format!("{} updates acknowledged", herd.clients.acknowledged()));
            let fault = Fault::draw(&self.faults, &shape, &mut rng);
            (progress.text)(&format!(
                "{:>5.0} s  {:>4}  {}: ",
                began.elapsed().as_secs_f64(),
                converged.len() + 1,
                fault.describe(&herd.names)
            ))?;
            herd.inject(&fault)?;
            let took = herd.clients.converge(&addresses, self.settles());
            (progress.text)(&took.map_or_else(
                || format!("NOT CONVERGED within {:?}\n", self.settles()),
                |took| format!("converged after {took:.0?}\n"),
            ))?;
            converged.push(took);
            herd.add_usage()?;
        }
        thread::sleep(Duration::from_millis(CALM));
        herd.clients.stop();
        for client in load {
            client.join().map_err(|_| anyhow::anyhow!("a client panicked"))?;
        }
        Ok(converged)
    }

    /// Waits until the herd has settled, stops it, and has the oracle check the history.
    fn finish(&self, mut herd: HerdUnderTest, converged: Vec<Option<Duration>>) -> Result<ChaosOutcome> {
        let (known, settled) = wait_until_settled(&herd, self.settles())?;
        let sent_before = herd.sent_updates()?;
        thread::sleep(REST);
        let sent_after = herd.sent_updates()?;
        let mut endings = Vec::new();
        for (node, lines) in known.into_iter().enumerate() {
            let memory = peak_bytes(herd.pid(node)?)?;
            let sent_at_rest = sent_after[node] - sent_before[node];
            endings.push(Ending { lines, memory, sent_at_rest, ..Ending::default() });
        }
        herd.processes.stop_all()?;
        let mut logged = Vec::new();
        for (node, name) in herd.names.iter().enumerate() {
            herd.clients.add_panics(node, &self.folder.join("herd").join(format!("{name}.stderr")));
            logged.extend(link_log::read_link_events(&herd.processes.log(name), node, &herd.names));
        }
        let history = herd.clients.take_history(logged, endings);
        let verdict = check_history(&history);
        let files = ["history.jsonl", "timeline.html"].map(|name| self.folder.join(name));
        history.write(&files[0])?;
        timeline::write(&history, &verdict, &files[1])?;
        let resets = herd.proxy.as_ref().map_or(0, Proxy::resets);
        Ok(ChaosOutcome { history, verdict, converged, settled, settles: self.settles(), resets, files })
    }
}

impl Length {
    fn is_over(self, began: Instant, rounds: usize) -> bool {
        match self {
            Length::Rounds(all) => rounds >= all as usize,
            Length::Time(most) => began.elapsed() >= most,
        }
    }
}

/// Waits until all nodes agree. Returns what each node knows then, and how long that took; `None`
/// if they do not agree in time.
fn wait_until_settled(
    herd: &HerdUnderTest,
    settles: Duration,
) -> Result<(Vec<Vec<String>>, Option<Duration>)> {
    let began = Instant::now();
    let addresses = herd.addresses();
    let ids = herd.clients.ids();
    loop {
        let known = addresses.iter().map(|address| ask_about(*address, &ids)).collect::<Result<Vec<_>>>()?;
        let same = known.windows(2).all(|pair| pair[0] == pair[1]);
        if same || began.elapsed() > settles {
            return Ok((known, same.then(|| began.elapsed())));
        }
        thread::sleep(POLL);
    }
}
