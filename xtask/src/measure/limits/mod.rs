//! Exhausts one resource of a node at a time, and measures how the node serves other clients.
//!
//! Each check starts its own node, in a release build, with the default limits.

mod admins;
mod bill;
mod busy;
mod churn;
mod clients;
mod crowd;
mod deaf;
mod files;
mod search;
mod strangers;
mod unread;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::cluster::graphs::Graph;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::processes::{Processes, Setup};
use crate::cluster::test_herd::TestHerd;
use crate::cluster::workspace::{Profile, herd_binary, target_dir};
use crate::load::generator::{Generator, Task};
use crate::load::{Load, Order, Protocol, Summary};
use crate::measure::checks::{Bound, Check, Finding, Findings, choose_checks, run_checks};

const CHECKS: [Check<LimitsBench>; 11] = [
    ("busy", busy::check_busy),
    ("deaf", deaf::check_deaf),
    ("strangers", strangers::check_strangers),
    ("crowd", crowd::check_crowd),
    ("unread", unread::check_unread),
    ("clients", clients::check_clients),
    ("files", files::check_files),
    ("admins", admins::check_admins),
    ("search", search::check_search),
    ("bill", bill::check_bill),
    ("churn", churn::check_churn),
];

/// The pairs of loads whose ratios give a median, and how long each load is.
const PAIRS: usize = 9;
const LOAD: Duration = Duration::from_secs(1);

/// The programs that all checks share.
struct LimitsBench {
    herd: PathBuf,
    generator: Generator,
    folder: PathBuf,
}

/// A herd of one node.
struct LoneNode(TestHerd);

/// A herd of two neighbours.
struct LinkedPair(TestHerd);

/// Performs the checks with these names, or all if `names` is empty. `progress` gets the name of
/// each check before it begins.
///
/// # Errors
/// A name is not a check's, or a check cannot be performed.
pub fn check_limits(names: &[String], progress: impl Fn(&str)) -> Result<Findings> {
    let checks = choose_checks(&CHECKS, names)?;
    raise_file_limit()?;
    let folder = target_dir()?.join("limits");
    let herd = herd_binary(Profile::Release)?;
    let bench = LimitsBench { herd, generator: Generator::build(Profile::Release)?, folder };
    run_checks(&checks, &bench, progress)
}

/// Returns the names of the checks.
pub fn names() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|(name, _)| *name)
}

/// Raises this process's limit of open files to the maximum, for the connections of the checks.
fn raise_file_limit() -> Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).context("cannot raise the limit of open files")
}

impl LimitsBench {
    /// Starts one node.
    fn start(&self, name: &str) -> Result<LoneNode> {
        self.start_with(name, |_| {})
    }

    /// Starts one node whose setup `change` has changed.
    fn start_with(&self, name: &str, change: impl FnOnce(&mut Setup)) -> Result<LoneNode> {
        let file = HerdFile::parse(&Graph::Star.herd_file(1, 1), "a node alone")?;
        let mut node = TestHerd::new(&file, |file, _| {
            let mut setup = Setup::clean(file, self.herd.clone(), self.folder.join(name));
            change(&mut setup);
            Processes::new(setup)
        })?;
        node.start_all()?;
        Ok(LoneNode(node))
    }

    /// Starts two neighbours, and waits until they are linked.
    fn start_pair(&self, name: &str) -> Result<LinkedPair> {
        let file = HerdFile::parse(&Graph::Star.herd_file(2, 1), "two nodes")?;
        let setup = |file| Setup::clean(file, self.herd.clone(), self.folder.join(name));
        let mut pair = LinkedPair(TestHerd::new(&file, |file, _| Processes::new(setup(file)))?);
        pair.0.start_all()?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while pair.links_up("Node1")? == 0 {
            ensure!(Instant::now() < deadline, "Node1 and Node2 were not linked after 10 s");
            thread::sleep(Duration::from_millis(10));
        }
        Ok(pair)
    }

    /// Measures how many times longer the p99 latency of reports is at `beside` than at `alone`:
    /// the median of [`PAIRS`] pairs of short loads. The two loads of a pair follow each other, in
    /// alternating order, so that other work of the machine slows both down.
    fn p99_ratio(&self, beside: &LoneNode, alone: &LoneNode) -> Result<f64> {
        let mut ratios = Vec::new();
        for pair in 0..PAIRS {
            let alone_first = pair % 2 == 0;
            let (first, second) = if alone_first { (alone, beside) } else { (beside, alone) };
            let ratio = self.p99(second)? / self.p99(first)?;
            ratios.push(if alone_first { ratio } else { 1.0 / ratio });
        }
        ratios.sort_by(f64::total_cmp);
        Ok(ratios[PAIRS / 2])
    }

    /// Measures the p99 latency of reports, in microseconds: 8 connections, 1,000 reports a second.
    fn p99(&self, node: &LoneNode) -> Result<f64> {
        let load = Load {
            protocol: Protocol::Iamat,
            nodes: vec![node.address()?],
            connections: 8,
            depth: 16,
            rate: Some(1000.0),
            clients: 10_000,
            order: Order::InTurn,
            duration: LOAD,
            ..Load::default()
        };
        let summary: Summary = self.generator.perform(&Task::Load { load, live: false })?;
        summary.ensure_all_right()?;
        Ok(summary.latency.p99)
    }
}

impl LoneNode {
    /// The node's address for clients.
    fn address(&self) -> Result<SocketAddr> {
        Ok(self.0.member("Node1")?.client)
    }

    fn pid(&mut self) -> Result<u32> {
        self.0.pid("Node1")?.context("Node1 has ended")
    }
}

impl LinkedPair {
    /// The address of a node for clients.
    fn address(&self, name: &str) -> Result<SocketAddr> {
        Ok(self.0.member(name)?.client)
    }

    /// The address of a node's admin port.
    fn admin(&mut self, name: &str) -> Result<SocketAddr> {
        self.0.admin(name)?.with_context(|| format!("{name} has ended"))
    }

    /// The address of a node for links.
    fn link(&self, name: &str) -> Result<SocketAddr> {
        Ok(self.0.member(name)?.link)
    }

    /// The length of a node's log.
    fn log_bytes(&self, name: &str) -> Result<u64> {
        Ok(std::fs::metadata(self.0.log(name))?.len())
    }

    /// The number of times that a link of a node has come up.
    fn links_up(&self, name: &str) -> Result<usize> {
        let log = self.0.log(name);
        let text = std::fs::read_to_string(&log).with_context(|| format!("cannot read {}", log.display()))?;
        Ok(text.matches("link up").count())
    }
}

/// Limits the open files of a process to `most`. The process has read its limit already, so it does
/// not notice the change.
fn limit_files(pid: u32, most: usize) -> Result<()> {
    let limit = format!("--nofile={most}:{most}");
    let limited = Command::new("prlimit").args([format!("--pid={pid}"), limit]).status();
    ensure!(limited.context("cannot run prlimit; install util-linux")?.success(), "prlimit failed");
    Ok(())
}

/// Sends a line, and returns the time until its answer.
fn ask(stream: &mut TcpStream) -> Result<Duration> {
    let began = Instant::now();
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(b"x\n")?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).context("a client was not answered")?;
    ensure!(&answer == b"? x\n", "expected \"? x\", not {:?}", answer.escape_ascii().to_string());
    Ok(began.elapsed())
}
