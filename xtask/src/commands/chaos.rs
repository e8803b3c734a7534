//! `chaos`: breaks herds on purpose, and says whether they kept their promises.

use std::io::{IsTerminal, Write};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::oracle::{Durability, Verdict};
use crate::output::print;
use crate::sim::plan::Plan;
use crate::sim::{judge, shrink};
use crate::workspace::target_dir;

/// What to break.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Simulated herds in virtual time: the core that nodes run, without processes.
    #[arg(long, required = true)]
    sim: bool,

    /// How many seeds, each for a herd of its own.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    seeds: u64,

    /// The first seed.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    first: u64,

    /// How many nodes each herd has.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(2..=100))]
    nodes: u16,

    /// When what nodes know is on disk [default: each seed draws one].
    #[arg(long, value_name = "WHEN")]
    durability: Option<DurabilityChoice>,

    /// Write the history of the first seed to a file, for `check-history`.
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DurabilityChoice {
    /// Never: a node that ends forgets everything.
    Memory,
    /// Within about a second.
    Everysec,
    /// Before it is answered.
    Always,
}

/// How often the progress is told.
const TOLD: Duration = Duration::from_millis(500);

/// What has come out so far.
#[derive(Default)]
struct Tally {
    acknowledged: usize,
    excused: usize,
    /// How long each herd took to settle after its last fault.
    settled: Vec<Duration>,
    failed: Vec<(u64, Verdict)>,
}

/// Runs the seeds.
///
/// # Errors
/// A herd broke a promise: the message says which seed, what it came down to, and how to see it again.
pub fn run(options: &Options) -> Result<()> {
    if let Some(file) = &options.history {
        let (Some(ran), _) = judge(&options.plan(options.first)) else {
            bail!("the run of the first seed panics")
        };
        ran.history.write(file)?;
    }
    let began = Instant::now();
    let tally = run_all(options);
    tally.failed.first().map_or(Ok(()), |(seed, verdict)| tell_failure(options, *seed, verdict))?;
    print(&tally.describe(options, began.elapsed()))
}

fn run_all(options: &Options) -> Tally {
    let (next, stop, tally) = (AtomicU64::new(0), AtomicBool::new(false), Mutex::new(Tally::default()));
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let done = next.fetch_add(1, Ordering::Relaxed);
            if done >= options.seeds {
                break;
            }
            let seed = options.first + done;
            let (ran, verdict) = judge(&options.plan(seed));
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.acknowledged += verdict.acknowledged;
            tally.excused += verdict.excused;
            tally.settled.extend(ran.and_then(|ran| ran.settled));
            if !verdict.violations.is_empty() {
                tally.failed.push((seed, verdict));
                stop.store(true, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let tells = std::io::stderr().is_terminal();
        let mut told = Instant::now();
        while workers.iter().any(|worker| !worker.is_finished()) {
            thread::sleep(Duration::from_millis(20));
            if tells && told.elapsed() >= TOLD {
                told = Instant::now();
                // Nobody need be reading.
                let done = next.load(Ordering::Relaxed).min(options.seeds);
                let _ = write!(std::io::stderr(), "\r{done} of {} seeds ", options.seeds);
            }
        }
        if tells {
            let _ = write!(std::io::stderr(), "\r");
        }
    });
    let mut tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    tally.failed.sort_by_key(|(seed, _)| *seed);
    tally.settled.sort_unstable();
    tally
}

/// Says what went wrong, in as small a run as a few tries find.
fn tell_failure(options: &Options, seed: u64, verdict: &Verdict) -> Result<()> {
    let plan = options.plan(seed);
    let small = shrink(&plan, verdict.violations[0].invariant);
    let (ran, small_verdict) = judge(&small);
    let mut text = format!("seed {seed}:\n{verdict}\n");
    text += &format!(
        "{:?} of {} nodes, {:?}. The same goes wrong with {} of {} faults and {} of {} lines of clients:\n",
        small.graph,
        small.nodes,
        small.durability,
        small.faults.len(),
        plan.faults.len(),
        small.ops.len(),
        plan.ops.len()
    );
    for fault in &small.faults {
        text += &format!("  {:?} to {:?}: {:?}\n", fault.from, fault.until, fault.kind);
    }
    for op in small.ops.iter().take(20) {
        text += &format!("  {:?}: N{:02} is told {}\n", op.at, op.node, op.line);
    }
    text += &format!("{small_verdict}");
    if let Some(ran) = ran {
        let folder = target_dir()?.join("chaos");
        std::fs::create_dir_all(&folder)?;
        let file = folder.join(format!("seed-{seed}.jsonl"));
        ran.history.write(&file)?;
        text += &format!("its history: {}\n", file.display());
    }
    print(&text)?;
    bail!("a promise was broken; again by `{}`", options.command(seed));
}

impl Options {
    fn plan(&self, seed: u64) -> Plan {
        let durability = self.durability.map(|choice| match choice {
            DurabilityChoice::Memory => Durability::Memory,
            DurabilityChoice::Everysec => Durability::Everysec,
            DurabilityChoice::Always => Durability::Always,
        });
        Plan::of_seed(seed, usize::from(self.nodes), durability)
    }

    /// The command that runs one seed again.
    fn command(&self, seed: u64) -> String {
        let durability = self.durability.and_then(|choice| choice.to_possible_value());
        let durability =
            durability.map(|value| format!(" --durability {}", value.get_name())).unwrap_or_default();
        format!("cargo xtask chaos --sim --first {seed} --seeds 1 --nodes {}{durability}", self.nodes)
    }
}

impl Tally {
    fn describe(&self, options: &Options, took: Duration) -> String {
        let median = self.settled.get(self.settled.len() / 2).copied().unwrap_or_default();
        let longest = self.settled.last().copied().unwrap_or_default();
        format!(
            "{} herds of {} nodes, seeds {} to {}, in {took:.1?}: {} updates acknowledged, 0 lost, 0 diverged, 0 phantom, \
             0 backwards; {} excused, whose node forgot them before it could pass them on\n\
             settled {median:.1?} (median) to {longest:.1?} (longest) after the last fault, in virtual time\n",
            options.seeds,
            options.nodes,
            options.first,
            options.first + options.seeds.saturating_sub(1),
            self.acknowledged,
            self.excused,
        )
    }
}
