//! `chaos sim`: break the core of nodes in virtual time.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use clap::Args;

use crate::cluster::graphs::Graph;
use crate::cluster::workspace::target_dir;
use crate::commands::arguments::variant_of;
use crate::commands::print::{overwrite_progress, print};
use crate::oracle::timeline;
use crate::oracle::{Persistence, Verdict};
use crate::sim::{FixedParts, Plan};
use crate::sim::{judge, shrink};

/// Which seeds to run.
#[derive(Clone, Debug, Args)]
pub(super) struct SimArgs {
    /// The number of seeds, each with its own herd
    #[arg(long, value_name = "N", default_value_t = 1000)]
    seeds: u64,

    /// The first seed
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    first: u64,

    /// The number of nodes of each herd
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(2..=100))]
    nodes: u16,

    /// The number of regions, joined by a simulated backbone. Each has a part of the nodes, at
    /// least two
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=50))]
    regions: u16,

    /// Let each node hold only some shards of the clients, without links
    #[arg(long, conflicts_with_all = ["regions", "graph", "durability"])]
    shards: bool,

    /// The graph of the herds [default: drawn by each seed]
    #[arg(long, value_parser = variant_of::<Graph>())]
    graph: Option<Graph>,

    /// When records are on disk [default: drawn by each seed]
    #[arg(long, value_name = "WHEN", value_parser = variant_of::<Persistence>())]
    durability: Option<Persistence>,

    /// Write the history of the first seed to a file, for `check-history`
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
}

/// The time between two lines of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// The seeds, and the settings that their plans share.
struct SimSeeds {
    first: u64,
    count: u64,
    nodes: usize,
    fixed: FixedParts,
}

/// The results of the seeds that have run.
#[derive(Default)]
struct Tally {
    acknowledged: usize,
    excused: usize,
    /// The time that each herd took to settle after its last fault.
    settled: Vec<Duration>,
    failed: Vec<(u64, Verdict)>,
}

/// Runs the seeds, and stops at the first failure.
///
/// # Errors
/// A herd broke a promise. The message has the command that repeats the run.
pub(super) fn run_sim_seeds(args: &SimArgs) -> Result<()> {
    ensure!(
        args.nodes >= 2 * args.regions,
        "{} regions need at least {} nodes: raise --nodes or lower --regions",
        args.regions,
        2 * args.regions
    );
    let regions = Some(usize::from(args.regions));
    let seeds = &SimSeeds {
        first: args.first,
        count: args.seeds,
        nodes: usize::from(args.nodes),
        fixed: FixedParts {
            regions,
            shards: args.shards,
            graph: args.graph,
            durability: args.durability,
            latency: None,
        },
    };
    if let Some(file) = &args.history {
        let (Some(ran), _) = judge(&seeds.plan(seeds.first)) else {
            bail!("seed {} panicked, so it has no history", seeds.first)
        };
        ran.history.write(file)?;
    }
    let began = Instant::now();
    let tally = run_in_threads(seeds);
    tally.failed.first().map_or(Ok(()), |(seed, verdict)| report_failure(seeds, *seed, verdict))?;
    print(&tally.summary(seeds, began.elapsed()))
}

/// Runs the seeds in a thread for each processor.
fn run_in_threads(seeds: &SimSeeds) -> Tally {
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
            if shown.elapsed() >= PROGRESS_INTERVAL {
                shown = Instant::now();
                let done = next.load(Ordering::Relaxed).min(seeds.count);
                overwrite_progress(&format!("{done} of {} seeds", seeds.count));
            }
        }
        overwrite_progress("");
    });
    let mut tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    tally.failed.sort_by_key(|(seed, _)| *seed);
    tally.settled.sort_unstable();
    tally
}

/// Prints a failure and the smallest plan found that fails in the same way. Always returns an
/// error.
fn report_failure(seeds: &SimSeeds, seed: u64, verdict: &Verdict) -> Result<()> {
    let plan = seeds.plan(seed);
    let small = shrink(&plan, verdict.violations[0].invariant);
    let (ran, small_verdict) = judge(&small);
    let mut text = format!("seed {seed}:\n{verdict}\n");
    text += &format!(
        "{:?} of {} nodes, {:?}. It fails in the same way with {} of {} faults and {} of {} lines of clients:\n",
        small.graph,
        small.nodes,
        small.durability,
        small.faults.len() + small.backbone.len(),
        plan.faults.len() + plan.backbone.len(),
        small.ops.len(),
        plan.ops.len()
    );
    for fault in &small.faults {
        text += &format!("  {:?} to {:?}: {:?}\n", fault.from, fault.until, fault.kind);
    }
    for fault in &small.backbone {
        text += &format!("  {:?} to {:?}: {:?}\n", fault.from, fault.until, fault.kind);
    }
    for op in small.ops.iter().take(20) {
        text += &format!("  {:?}: to N{:02}: {}\n", op.at, op.node, op.line);
    }
    text += &format!("{small_verdict}");
    if let Some(ran) = ran {
        let folder = target_dir()?.join("chaos");
        std::fs::create_dir_all(&folder)?;
        let [file, picture] = ["jsonl", "html"].map(|kind| folder.join(format!("seed-{seed}.{kind}")));
        ran.history.write(&file)?;
        timeline::write(&ran.history, &small_verdict, &picture)?;
        text += &format!("history: {}\ntimeline: {}\n", file.display(), picture.display());
    }
    print(&text)?;
    bail!("a promise was broken; repeat the run with `{}`", plan.command());
}

impl SimSeeds {
    fn plan(&self, seed: u64) -> Plan {
        Plan::draw(seed, self.nodes, self.fixed)
    }
}

impl Tally {
    fn summary(&self, seeds: &SimSeeds, took: Duration) -> String {
        let median = self.settled.get(self.settled.len() / 2).copied().unwrap_or_default();
        let longest = self.settled.last().copied().unwrap_or_default();
        format!(
            "{} herds of {} nodes, seeds {} to {}, in {took:.1?}: {} updates acknowledged, 0 lost, \
             0 diverged, 0 phantom, 0 backwards; {} excused, whose node crashed before it could flood them\n\
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
