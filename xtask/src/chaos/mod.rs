//! Chaos on real processes: clients report, nodes and links are broken, and the oracle looks at what the clients saw.

mod clients;
mod fault;
mod link_log;
mod open_files;
pub mod proxy;
mod report;
pub(crate) mod small_disks;
mod stage;

pub use fault::FaultName;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use fastrand::Rng;
use herd::config::Herd;
use strum::VariantArray;

use crate::chaos::proxy::Proxy;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::proc_usage::peak_bytes;
use crate::cluster::processes::{INSECURE_LINKS, Processes, Setup};
use crate::cluster::test_herd::TestHerd;
use crate::oracle::timeline;
use crate::oracle::{Durability, Ending, History, Setting, Source, Verdict, check};
use clients::{Clients, ask_about};

use fault::{Fault, Layout};
use small_disks::Disks;
use stage::Stage;

/// What is done to a herd.
#[derive(Clone, Debug)]
pub struct Chaos {
    /// Draws the faults.
    pub seed: u64,
    /// How long it goes on.
    pub length: Length,
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
    /// Links are plain TCP, so that bytes are cut where lines are.
    pub insecure_links: bool,
    /// Where files go; emptied.
    pub folder: PathBuf,
    /// The command that does the same again.
    pub again: String,
}

/// When chaos is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// After so many faults.
    Rounds(u32),
    /// After so long, and what is broken then has been mended.
    Time(Duration),
}

/// After a fault, and at the end, all nodes must know the same within so long.
pub(crate) const SETTLES: Duration = Duration::from_secs(10);

/// A live node answers within so many microseconds, on a machine that is busy with everything at once.
const PATIENCE: u64 = 5_000_000;

/// More bytes than a node of some hundred clients ever takes.
const MEMORY: u64 = 256 * 1024 * 1024;

/// How long clients talk between two faults, at least, in milliseconds; at most twice that.
const CALM: u64 = 500;

/// How often it is looked whether all nodes know the same.
const LOOK: Duration = Duration::from_millis(50);

/// For how long it is watched whether nodes say anything when nothing is new.
const REST: Duration = Duration::from_secs(1);

/// Where a run says what happens.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Gets text as it comes, in pieces of lines. An error ends the run.
    pub text: fn(&str) -> Result<()>,
    /// Gets a status, which the next one replaces.
    pub status: fn(&str),
}

/// What came out.
#[derive(Debug)]
pub struct Outcome {
    /// What happened.
    pub history: History,
    /// What the oracle says of it.
    pub verdict: Verdict,
    /// How long after each fault all nodes knew what had been acknowledged before its end; `None` if that took too long.
    pub converged: Vec<Option<Duration>>,
    /// How long after the last client all nodes knew the same; `None` if they never did.
    pub settled: Option<Duration>,
    /// Connections of links that were reset on purpose.
    pub resets: u64,
    /// Where the history is, for `check-history`, and the timeline.
    pub files: [PathBuf; 2],
}

impl Chaos {
    /// Runs the herd, breaks it, and has the oracle check what clients saw.
    ///
    /// # Errors
    /// A fault that was asked for cannot happen here, the herd cannot be run, a node ends by itself, or
    /// `progress` fails.
    pub fn run(&self, progress: Progress) -> Result<Outcome> {
        let _ = std::fs::remove_dir_all(&self.folder);
        let names: Vec<String> = self.file.herd().members.iter().map(|member| member.name.clone()).collect();
        let disks = self
            .may_happen(FaultName::DiskFull)
            .then(|| Disks::make(&self.folder.join("data"), &names))
            .transpose()?;
        let mut proxy = None;
        let processes = TestHerd::new(&self.file, |file, _| {
            if self.faults.iter().any(|fault| fault.is_of_links()) {
                proxy = Some(Proxy::start(&file)?);
            }
            Processes::new(self.setup(file, proxy.as_ref())?)
        })?;
        let clients = Clients::new(self.history(&names));
        let mut stage = Stage { processes, clients, proxy, disks, names };
        let converged = self.break_and_mend(&mut stage, progress)?;
        self.judge(stage, converged)
    }

    fn may_happen(&self, fault: FaultName) -> bool {
        self.faults.contains(&fault)
    }

    /// Starts nodes and clients, lets faults happen while they talk, and tells how long after each fault all nodes knew the
    /// same.
    fn break_and_mend(&self, stage: &mut Stage, progress: Progress) -> Result<Vec<Option<Duration>>> {
        for node in 0..stage.names.len() {
            stage.clients.note_up(node);
        }
        stage.processes.start_all()?;
        let addresses = stage.addresses();
        let load = Arc::clone(&stage.clients).start(&addresses, self.rate);
        let (layout, mut rng) = (self.layout(), Rng::with_seed(self.seed));
        let (began, mut converged) = (Instant::now(), Vec::new());
        while !self.length.is_over(began, converged.len()) {
            thread::sleep(Duration::from_millis(CALM + rng.u64(..CALM)));
            (progress.status)(&format!("{} updates acknowledged", stage.clients.acknowledged()));
            let fault = Fault::draw(&self.faults, &layout, &mut rng);
            (progress.text)(&format!(
                "{:>5.0} s  {:>4}  {}: ",
                began.elapsed().as_secs_f64(),
                converged.len() + 1,
                fault.describe(&stage.names)
            ))?;
            stage.suffer(&fault)?;
            let took = stage.clients.converge(&addresses, SETTLES);
            (progress.text)(&took.map_or_else(
                || format!("NOT CONVERGED within {SETTLES:?}\n"),
                |took| format!("converged after {took:.0?}\n"),
            ))?;
            converged.push(took);
            stage.note_usage()?;
        }
        thread::sleep(Duration::from_millis(CALM));
        stage.clients.stop();
        for client in load {
            client.join().map_err(|_| anyhow::anyhow!("a client panicked"))?;
        }
        Ok(converged)
    }

    fn layout(&self) -> Layout {
        let members = &self.file.herd().members;
        let place = |name: &String| members.iter().position(|member| member.name == *name);
        let pairs = members.iter().enumerate().flat_map(|(one, member)| {
            member.neighbours.iter().filter_map(place).map(move |other| (one, other))
        });
        Layout { nodes: members.len(), edges: pairs.filter(|(one, other)| one < other).collect() }
    }

    fn setup(&self, file: HerdFile, proxy: Option<&Proxy>) -> Result<Setup> {
        let views = proxy.map(|proxy| proxy.views(&file)).transpose()?.unwrap_or_default();
        let mut setup = Setup::clean(file, self.program.clone(), self.folder.join("herd"));
        setup.views = views;
        setup.args.extend(["--log-format", "json"].map(Into::into));
        if self.insecure_links {
            setup.args.push(INSECURE_LINKS.into());
        }
        if self.durability != Durability::Memory {
            setup.data = Some(self.folder.join("data"));
            setup.args.extend(["--durability".into(), self.durability.to_string().into()]);
        }
        Ok(setup)
    }

    fn history(&self, names: &[String]) -> History {
        History::new(Setting {
            nodes: names.to_vec(),
            edges: self.layout().edges.len(),
            durability: self.durability,
            source: Source::Processes,
            patience: PATIENCE,
            memory: MEMORY,
            again: self.again.clone(),
        })
    }

    /// Waits until the herd has settled, and has the oracle look at what happened.
    fn judge(&self, mut stage: Stage, converged: Vec<Option<Duration>>) -> Result<Outcome> {
        let (known, settled) = settle(&stage)?;
        let said = stage.said()?;
        thread::sleep(REST);
        let rest = stage.said()?;
        let mut endings = Vec::new();
        for (node, lines) in known.into_iter().enumerate() {
            let (memory, said_at_rest) = (peak_bytes(stage.pid(node)?)?, rest[node] - said[node]);
            endings.push(Ending { lines, memory, said_at_rest, ..Ending::default() });
        }
        stage.processes.stop_all()?;
        let mut logged = Vec::new();
        for (node, name) in stage.names.iter().enumerate() {
            stage.clients.note_panics(node, &self.folder.join("herd").join(format!("{name}.stderr")));
            logged.extend(link_log::links(&stage.processes.log(name), node, &stage.names));
        }
        let history = stage.clients.take_history(logged, endings);
        let verdict = check(&history);
        let files = ["history.jsonl", "timeline.html"].map(|name| self.folder.join(name));
        history.write(&files[0])?;
        timeline::write(&history, &verdict, &files[1])?;
        let resets = stage.proxy.as_ref().map_or(0, Proxy::resets);
        Ok(Outcome { history, verdict, converged, settled, resets, files })
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

/// Waits until all nodes know the same. Tells what each of them knows then, and how long that took.
fn settle(stage: &Stage) -> Result<(Vec<Vec<String>>, Option<Duration>)> {
    let (began, addresses, ids) = (Instant::now(), stage.addresses(), stage.clients.ids());
    loop {
        let known = addresses.iter().map(|address| ask_about(*address, &ids)).collect::<Result<Vec<_>>>()?;
        let same = known.windows(2).all(|pair| pair[0] == pair[1]);
        if same || began.elapsed() > SETTLES {
            return Ok((known, same.then(|| began.elapsed())));
        }
        thread::sleep(LOOK);
    }
}

/// The faults that can happen here to a herd whose nodes keep what they know as `durability` says, and why others cannot.
///
/// # Errors
/// One of those that were `asked` for is among the others.
pub fn possible(
    asked: &[FaultName],
    herd: &Herd,
    durability: Durability,
) -> Result<(Vec<FaultName>, Vec<String>)> {
    let has_links = herd.members.iter().any(|member| !member.neighbours.is_empty());
    let (mut can, mut cannot) = (Vec::new(), Vec::new());
    for name in FaultName::VARIANTS {
        let reason = match name {
            name if name.is_of_links() && !has_links => "the herd has no links",
            FaultName::DiskFull if durability == Durability::Memory => "nodes in memory have no disk",
            FaultName::DiskFull if !small_disks::can_be_made() => "it takes root, to give nodes small disks",
            FaultName::NoFiles if !open_files::can_be_limited() => "it takes prlimit, of util-linux",
            _ => {
                can.push(*name);
                continue;
            }
        };
        cannot.push(format!("{name} cannot happen here: {reason}"));
        if asked.contains(name) {
            bail!("{}", cannot.remove(cannot.len() - 1));
        }
    }
    can.retain(|name| asked.is_empty() || asked.contains(name));
    Ok((can, if asked.is_empty() { cannot } else { Vec::new() }))
}
