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

use crate::chaos::{self, Chaos, FaultName, Length};
use crate::herd_file::HerdFile;
use crate::oracle::{Durability, Verdict};
use crate::output::print;
use crate::sim::plan::Plan;
use crate::sim::{judge, shrink};
use crate::timeline;
use crate::workspace::{Profile, herd_binary, target_dir};

/// What to break.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Simulated herds in virtual time: the core that nodes run, without processes.
    #[arg(long)]
    sim: bool,

    /// When what nodes know is on disk [default: everysec; in simulations each seed draws one].
    #[arg(long, value_name = "WHEN")]
    durability: Option<DurabilityChoice>,

    #[command(flatten)]
    simulated: Simulated,

    #[command(flatten)]
    real: Real,
}

/// Of simulations.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "With --sim")]
struct Simulated {
    /// How many seeds, each for a herd of its own.
    #[arg(long, value_name = "N", default_value_t = 1000, requires = "sim")]
    seeds: u64,

    /// The first seed.
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "sim")]
    first: u64,

    /// How many nodes each herd has.
    #[arg(long, value_name = "N", default_value_t = 5, requires = "sim", value_parser = clap::value_parser!(u16).range(2..=100))]
    nodes: u16,

    /// Write the history of the first seed to a file, for `check-history`.
    #[arg(long, value_name = "FILE", requires = "sim")]
    history: Option<PathBuf>,
}

/// Of real processes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Without --sim, on real processes")]
struct Real {
    /// Draws what happens [default: another one each time, which is told].
    #[arg(long, conflicts_with = "sim")]
    seed: Option<u64>,

    /// How many faults, one after another.
    #[arg(long, value_name = "N", default_value_t = 10, conflicts_with = "sim")]
    rounds: u32,

    /// For how many minutes, instead of a number of faults.
    #[arg(long, value_name = "M", conflicts_with_all = ["sim", "rounds"], value_parser = clap::value_parser!(u32).range(1..))]
    minutes: Option<u32>,

    /// What may happen [default: all of it that can happen here].
    #[arg(long, value_name = "FAULT,..", value_delimiter = ',', conflicts_with = "sim")]
    faults: Vec<FaultName>,

    /// Reports a second, at all nodes together.
    #[arg(long, value_name = "R", default_value_t = 1000, conflicts_with = "sim", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,

    /// A herd of fixtures/herds by its name, or any herd file.
    #[arg(long, value_name = "NAME|FILE", default_value = "2015-winter", conflicts_with = "sim")]
    herd: String,

    /// Links are plain TCP: what is cut is cut between bytes of lines.
    #[arg(long, conflicts_with = "sim")]
    insecure_links: bool,
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

/// Breaks what was asked for.
///
/// # Errors
/// A herd broke a promise: the message says how to see it again.
pub fn run(options: &Options) -> Result<()> {
    if options.sim { simulate(options) } else { run_processes(options) }
}

/// Breaks real processes.
fn run_processes(options: &Options) -> Result<()> {
    let real = &options.real;
    let seed = real.seed.map_or_else(getrandom::u64, Ok)?;
    let durability = options.durability.map_or(Durability::Everysec, Into::into);
    let (faults, left_out) = chaos::possible(&real.faults, durability)?;
    let again = real.command(seed, &faults) + &options.durability_flag();
    let chaos = Chaos {
        seed,
        length: real.length(),
        rate: real.rate,
        file: HerdFile::find(&real.herd)?,
        program: herd_binary(Profile::Debug)?,
        durability,
        faults,
        insecure_links: real.insecure_links,
        folder: target_dir()?.join("chaos").join(format!("processes-{seed}")),
        again: again.clone(),
    };
    let left_out = left_out.iter().map(|why| format!("{why}\n")).collect::<String>();
    print(&format!("{again}\n{left_out}"))?;
    chaos::tell(&chaos.run(print)?, &again)
}

impl Real {
    fn length(&self) -> Length {
        let minutes = |minutes| Length::Time(Duration::from_secs(60) * minutes);
        self.minutes.map_or(Length::Rounds(self.rounds), minutes)
    }

    /// The command that does the same with a seed, wherever these faults can happen.
    fn command(&self, seed: u64, faults: &[FaultName]) -> String {
        let mut command = format!("cargo xtask chaos --seed {seed}");
        command += &match self.minutes {
            Some(minutes) => format!(" --minutes {minutes}"),
            None => format!(" --rounds {}", self.rounds),
        };
        command += &format!(" --rate {} --herd {}", self.rate, self.herd);
        if faults != FaultName::value_variants() {
            let names: Vec<String> = faults.iter().map(ToString::to_string).collect();
            command += &format!(" --faults {}", names.join(","));
        }
        command + if self.insecure_links { " --insecure-links" } else { "" }
    }
}

/// Runs the seeds.
fn simulate(options: &Options) -> Result<()> {
    let simulated = &options.simulated;
    if let Some(file) = &simulated.history {
        let (Some(ran), _) = judge(&options.plan(simulated.first)) else {
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
            if done >= options.simulated.seeds {
                break;
            }
            let seed = options.simulated.first + done;
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
                let done = next.load(Ordering::Relaxed).min(options.simulated.seeds);
                let _ = write!(std::io::stderr(), "\r{done} of {} seeds ", options.simulated.seeds);
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
        let [file, picture] = ["jsonl", "html"].map(|kind| folder.join(format!("seed-{seed}.{kind}")));
        ran.history.write(&file)?;
        timeline::write(&ran.history, &small_verdict, &picture)?;
        text += &format!("its history: {}\nits timeline: {}\n", file.display(), picture.display());
    }
    print(&text)?;
    bail!("a promise was broken; again by `{}`", plan.command());
}

impl Options {
    fn plan(&self, seed: u64) -> Plan {
        Plan::of_seed(seed, usize::from(self.simulated.nodes), self.durability.map(Into::into))
    }

    fn durability_flag(&self) -> String {
        let durability = self.durability.and_then(|choice| choice.to_possible_value());
        durability.map(|value| format!(" --durability {}", value.get_name())).unwrap_or_default()
    }
}

impl From<DurabilityChoice> for Durability {
    fn from(choice: DurabilityChoice) -> Durability {
        match choice {
            DurabilityChoice::Memory => Durability::Memory,
            DurabilityChoice::Everysec => Durability::Everysec,
            DurabilityChoice::Always => Durability::Always,
        }
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
            options.simulated.seeds,
            options.simulated.nodes,
            options.simulated.first,
            options.simulated.first + options.simulated.seeds.saturating_sub(1),
            self.acknowledged,
            self.excused,
        )
    }
}
