//! What a node's limits are for: others are served as well while somebody tries to take everything.
//!
//! Each check starts a node of its own, in release, with the limits that nodes have if nothing is said.

mod churn;
mod clients;
mod crowd;
mod files;
mod unread;

use std::fmt;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::compare::Machine;
use crate::generator::{Generator, Task};
use crate::graphs::Graph;
use crate::herd_file::HerdFile;
use crate::load::{Load, Protocol, Summary};
use crate::output::print;
use crate::ports::PortBlock;
use crate::processes::{Processes, Setup};
use crate::workspace::{Profile, herd_binary, target_dir};

/// What to check.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The checks [default: all].
    #[arg(value_name = "CHECK")]
    checks: Vec<String>,
}

/// A check: its name, and how it is done.
type Check = (&'static str, fn(&Bench) -> Result<Vec<Finding>>);

const CHECKS: [Check; 5] = [
    ("crowd", crowd::check),
    ("unread", unread::check),
    ("clients", clients::check),
    ("files", files::check),
    ("churn", churn::check),
];

/// Something measured, and how much of it there may be.
#[derive(Clone, Debug)]
struct Finding {
    what: String,
    value: f64,
    unit: &'static str,
    bound: Bound,
}

#[derive(Clone, Copy, Debug)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
    Within(f64, f64),
}

/// What all checks need.
struct Bench {
    herd: PathBuf,
    generator: Generator,
    folder: PathBuf,
}

/// A node alone, which ends with this value.
struct Lone {
    processes: Processes,
    _ports: PortBlock,
}

/// Runs the checks asked for, and prints what came out.
///
/// # Errors
/// There is no such check, a bound is not kept, or a node does something else than it should.
pub fn run(options: &Options) -> Result<()> {
    let names = || CHECKS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    if let Some(name) = options.checks.iter().find(|name| CHECKS.iter().all(|(known, _)| known != name)) {
        bail!("there is no check {name}: there are {}", names());
    }
    raise_file_limit()?;
    let folder = target_dir()?.join("limits");
    let herd = herd_binary(Profile::Release)?;
    let bench = Bench { herd, generator: Generator::build(Profile::Release)?, folder };
    let mut text = format!("{}\n\n| check | measured | bound | |\n|---|---|---|---|\n", Machine::look());
    let mut kept = true;
    for (name, check) in CHECKS {
        if options.checks.is_empty() || options.checks.iter().any(|asked| asked == name) {
            // Nobody need be reading.
            let _ = writeln!(std::io::stderr(), "{name}");
            for finding in check(&bench).with_context(|| format!("check {name}"))? {
                kept &= finding.is_kept();
                text += &format!("{finding}\n");
            }
        }
    }
    print(&text)?;
    if kept { Ok(()) } else { bail!("not every bound is kept") }
}

/// The most connections that this process may hold are as many as it needs here.
fn raise_file_limit() -> Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).context("cannot raise the limit of open files")
}

impl Bench {
    /// Starts a node alone.
    fn start(&self, name: &str) -> Result<Lone> {
        let file = HerdFile::parse(&Graph::Star.herd_file(1, 1), "a node alone")?;
        let ports = PortBlock::take(2)?;
        let setup = Setup::clean(file.at_ports(ports.first())?, self.herd.clone(), self.folder.join(name));
        let mut processes = Processes::new(setup)?;
        processes.start_all()?;
        Ok(Lone { processes, _ports: ports })
    }

    /// How long 99 of 100 reports take on 8 connections at 1,000 a second, in microseconds.
    fn p99(&self, node: &Lone) -> Result<f64> {
        let load = Load {
            protocol: Protocol::Iamat,
            nodes: vec![node.address()?],
            connections: 8,
            depth: 16,
            rate: Some(1000.0),
            clients: 10_000,
            duration: Duration::from_secs(5),
        };
        let summary: Summary = self.generator.run(&Task::Load { load, live: false })?;
        anyhow::ensure!(summary.wrong == 0, "{} answers were wrong", summary.wrong);
        Ok(summary.latency.p99)
    }
}

impl Lone {
    /// Where it listens for clients.
    fn address(&self) -> Result<SocketAddr> {
        Ok(self.processes.member("Node1")?.client)
    }

    fn pid(&mut self) -> Result<u32> {
        self.processes.pid("Node1")?.context("the node has ended")
    }
}

impl Finding {
    fn new(what: impl Into<String>, value: f64, unit: &'static str, bound: Bound) -> Finding {
        Finding { what: what.into(), value, unit, bound }
    }

    fn is_kept(&self) -> bool {
        match self.bound {
            Bound::AtLeast(least) => self.value >= least,
            Bound::AtMost(most) => self.value <= most,
            Bound::Within(least, most) => (least..=most).contains(&self.value),
        }
    }
}

impl fmt::Display for Finding {
    /// A row of a table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = match self.bound {
            Bound::AtLeast(least) => format!("at least {least}"),
            Bound::AtMost(most) => format!("at most {most}"),
            Bound::Within(least, most) => format!("{least} to {most}"),
        };
        let verdict = if self.is_kept() { "kept" } else { "**not kept**" };
        write!(f, "| {} | {:.2} {} | {bound} | {verdict} |", self.what, self.value, self.unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_kept_up_to_its_edges() {
        for (value, bound, kept) in [
            (2.0, Bound::AtMost(2.0), true),
            (2.1, Bound::AtMost(2.0), false),
            (2.0, Bound::AtLeast(2.0), true),
            (1.9, Bound::AtLeast(2.0), false),
            (9.9, Bound::Within(10.0, 11.0), false),
            (11.0, Bound::Within(10.0, 11.0), true),
        ] {
            assert_eq!(Finding::new("x", value, "s", bound).is_kept(), kept, "{value} {bound:?}");
        }
    }
}
