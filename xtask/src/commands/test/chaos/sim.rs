//! `chaos sim`: the core of nodes in virtual time.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;

use crate::cluster::workspace::target_dir;
use crate::commands::arguments::variant_of;
use crate::commands::print::{print, status};
use crate::oracle::timeline;
use crate::oracle::{Persistence, Verdict};
use crate::sim::plan::Plan;
use crate::sim::{judge, shrink};

/// Which seeds to run.
#[derive(Clone, Debug, Args)]
pub(super) struct SimArgs {
    /// How many seeds, one herd for each.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    seeds: u64,

    /// The first seed.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    first: u64,

    /// How many nodes each herd has.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(2..=100))]
    nodes: u16,

    /// When records are on disk [default: each seed draws it].
    #[arg(long, value_name = "WHEN", value_parser = variant_of::<Persistence>())]
    durability: Option<Persistence>,

    /// Write the history of the first seed to a file, for `check-history`.
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
}

/// How often the progress is shown.
const PROGRESS: Duration = Duration::from_millis(500);

/// Which seeds, and what their plans have in common.
struct Seeds {
    first: u64,
    count: u64,
    nodes: usize,
    durability: Option<Persistence>,
}

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
/// A herd broke a promise: the message says how to see it again.
pub(super) fn run_seeds(args: &SimArgs) -> Result<()> {
    let seeds = &Seeds {
        first: args.first,
        count: args.seeds,
        nodes: usize::from(args.nodes),
        durability: args.durability,
    };
    if let Some(file) = &args.history {
        let (Some(ran), _) = judge(&seeds.plan(seeds.first)) else {
            bail!("the run of the first seed panics")
        };
        ran.history.write(file)?;
    }
    let began = Instant::now();
    let tally = run_all(seeds);
    tally.failed.first().map_or(Ok(()), |(seed, verdict)| tell_failure(seeds, *seed, verdict))?;
    print(&tally.describe(seeds, began.elapsed()))
}

fn run_all(seeds: &Seeds) -> Tally {
    let (next, stop, tally) = (AtomicU64::new(0), AtomicBool::new(false), Mutex::new(Tally::default()));
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let done = next.fetch_add(1, Ordering::Relaxed);
            if done >= seeds.count {
                break;
            }
            let seed = seeds.first + done;
            let (ran, verdict) = judge(&seeds.plan(seed));
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
        let mut shown = Instant::now();
        while workers.iter().any(|worker| !worker.is_finished()) {
            thread::sleep(Duration::from_millis(20));
            if shown.elapsed() >= PROGRESS {
                shown = Instant::now();
                let done = next.load(Ordering::Relaxed).min(seeds.count);
                status(&format!("{done} of {} seeds", seeds.count));
            }
        }
        status("");
    });
    let mut tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    tally.failed.sort_by_key(|(seed, _)| *seed);
    tally.settled.sort_unstable();
    tally
}

/// Says what went wrong, in as small a run as a few tries find.
fn tell_failure(seeds: &Seeds, seed: u64, verdict: &Verdict) -> Result<()> {
    let plan = seeds.plan(seed);
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
    bail!("a promise was broken; run it again with `{}`", plan.command());
}

impl Seeds {
    fn plan(&self, seed: u64) -> Plan {
        Plan::of_seed(seed, self.nodes, self.durability)
    }
}

impl Tally {
    fn describe(&self, seeds: &Seeds, took: Duration) -> String {
        let median = self.settled.get(self.settled.len() / 2).copied().unwrap_or_default();
        let longest = self.settled.last().copied().unwrap_or_default();
        format!(
            "{} herds of {} nodes, seeds {} to {}, in {took:.1?}: {} updates acknowledged, 0 lost, 0 diverged, 0 phantom, \
             0 backwards; {} excused, whose node forgot them before it could pass them on\n\
             settled {median:.1?} (median) to {longest:.1?} (longest) after the last fault, in virtual time\n",
            seeds.count,
            seeds.nodes,
            seeds.first,
            seeds.first + seeds.count.saturating_sub(1),
            self.acknowledged,
            self.excused,
        )
    }
}
