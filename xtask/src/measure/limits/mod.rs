//! What a node's limits are for: others are served as well while somebody tries to take everything.
//!
//! Each check starts a node of its own, in release, with the limits that nodes have if nothing is said.

mod admins;
mod bill;
mod busy;
mod churn;
mod clients;
mod crowd;
mod deaf;
mod files;
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
use crate::load::{Load, Protocol, Summary};
use crate::measure::checks::{Bound, Check, Finding, Findings, choose, run_checks};

const CHECKS: [Check<Bench>; 10] = [
    ("busy", busy::check),
    ("deaf", deaf::check),
    ("strangers", strangers::check),
    ("crowd", crowd::check),
    ("unread", unread::check),
    ("clients", clients::check),
    ("files", files::check),
    ("admins", admins::check),
    ("bill", bill::check),
    ("churn", churn::check),
];

/// What all checks need.
struct Bench {
    herd: PathBuf,
    generator: Generator,
    folder: PathBuf,
}

/// A herd of one node.
struct Lone(TestHerd);

/// A herd of two neighbours.
struct Pair(TestHerd);

/// Runs the checks named; all of them, if `names` is empty. `progress` gets the name of each before it
/// begins.
///
/// # Errors
/// There is no such check, or a check cannot be done.
pub fn check_limits(names: &[String], progress: impl Fn(&str)) -> Result<Findings> {
    let checks = choose(&CHECKS, names)?;
    raise_file_limit()?;
    let folder = target_dir()?.join("limits");
    let herd = herd_binary(Profile::Release)?;
    let bench = Bench { herd, generator: Generator::build(Profile::Release)?, folder };
    run_checks(&checks, &bench, progress)
}

/// The most connections that this process may hold are as many as it needs here.
fn raise_file_limit() -> Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).context("cannot raise the limit of open files")
}

impl Bench {
    /// Starts a node alone.
    fn start(&self, name: &str) -> Result<Lone> {
        self.start_with(name, |_| {})
    }

    /// The same, changed by `more`.
    fn start_with(&self, name: &str, more: impl FnOnce(&mut Setup)) -> Result<Lone> {
        let file = HerdFile::parse(&Graph::Star.herd_file(1, 1), "a node alone")?;
        let mut node = TestHerd::new(&file, |file, _| {
            let mut setup = Setup::clean(file, self.herd.clone(), self.folder.join(name));
            more(&mut setup);
            Processes::new(setup)
        })?;
        node.start_all()?;
        Ok(Lone(node))
    }

    /// Starts two neighbours, and waits until they are linked.
    fn start_pair(&self, name: &str) -> Result<Pair> {
        let file = HerdFile::parse(&Graph::Star.herd_file(2, 1), "two nodes")?;
        let setup = |file| Setup::clean(file, self.herd.clone(), self.folder.join(name));
        let mut pair = Pair(TestHerd::new(&file, |file, _| Processes::new(setup(file)))?);
        pair.0.start_all()?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while pair.links_up("Node1")? == 0 {
            ensure!(Instant::now() < deadline, "two nodes were not linked after 10 s");
            thread::sleep(Duration::from_millis(10));
        }
        Ok(pair)
    }

    /// How long 99 of 100 reports take on 8 connections at 1,000 a second, in microseconds: the median of three
    /// loads, since one pause of a shared machine can spoil one of them.
    fn p99(&self, node: &Lone) -> Result<f64> {
        let mut loads = [(); 3].map(|()| self.p99_of_a_load(node)).into_iter().collect::<Result<Vec<_>>>()?;
        loads.sort_by(f64::total_cmp);
        Ok(loads[1])
    }

    fn p99_of_a_load(&self, node: &Lone) -> Result<f64> {
        let load = Load {
            protocol: Protocol::Iamat,
            nodes: vec![node.address()?],
            connections: 8,
            depth: 16,
            rate: Some(1000.0),
            clients: 10_000,
            duration: Duration::from_secs(3),
        };
        let summary: Summary = self.generator.perform(&Task::Load { load, live: false })?;
        anyhow::ensure!(summary.wrong == 0, "{} answers were wrong", summary.wrong);
        Ok(summary.latency.p99)
    }
}

impl Lone {
    /// Where it listens for clients.
    fn address(&self) -> Result<SocketAddr> {
        Ok(self.0.member("Node1")?.client)
    }

    fn pid(&mut self) -> Result<u32> {
        self.0.pid("Node1")?.context("the node has ended")
    }
}

impl Pair {
    /// Where a node listens for clients.
    fn address(&self, name: &str) -> Result<SocketAddr> {
        Ok(self.0.member(name)?.client)
    }

    /// Where a node tells how it is.
    fn admin(&mut self, name: &str) -> Result<SocketAddr> {
        self.0.admin(name)?.with_context(|| format!("{name} has ended"))
    }

    /// Where a node listens for neighbours.
    fn link(&self, name: &str) -> Result<SocketAddr> {
        Ok(self.0.member(name)?.link)
    }

    /// How long the log of a node is.
    fn log_bytes(&self, name: &str) -> Result<u64> {
        Ok(std::fs::metadata(self.0.log(name))?.len())
    }

    /// How many times a link of a node has come up.
    fn links_up(&self, name: &str) -> Result<usize> {
        let log = self.0.log(name);
        let text = std::fs::read_to_string(&log).with_context(|| format!("cannot read {}", log.display()))?;
        Ok(text.matches("link up").count())
    }
}

/// Lets a process have `most` open files. It is not told: what it knows of its own limit says that there is room.
fn limit_files(pid: u32, most: usize) -> Result<()> {
    let limit = format!("--nofile={most}:{most}");
    let limited = Command::new("prlimit").args([format!("--pid={pid}"), limit]).status();
    ensure!(limited.context("prlimit, of util-linux, is not there")?.success(), "prlimit has failed");
    Ok(())
}

/// Asks for an answer, and says how long it took.
fn ask(stream: &mut TcpStream) -> Result<Duration> {
    let began = Instant::now();
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(b"x\n")?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).context("a client is not answered")?;
    ensure!(&answer == b"? x\n", "a client was answered {:?}", answer.escape_ascii().to_string());
    Ok(began.elapsed())
}
