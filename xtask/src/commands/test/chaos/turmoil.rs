//! `chaos turmoil`: the real shell of nodes on a simulated network, one process for each seed.

use std::collections::VecDeque;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::Value;

use crate::cluster::graphs::Graph;
use crate::cluster::workspace::{cargo, target_dir};
use crate::commands::arguments::variant_of;
use crate::commands::print::{print, status};
use crate::oracle::Persistence;
use crate::turmoil::SeedReport;

/// Which seeds to run.
#[derive(Clone, Debug, Args)]
pub(super) struct TurmoilArgs {
    /// How many seeds, one herd for each.
    #[arg(long, value_name = "N", default_value_t = 20)]
    seeds: u64,

    /// The first seed.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    first: u64,

    /// How many nodes each herd has.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(2..=100))]
    nodes: u16,

    /// The graph of the herds [default: each seed draws one].
    #[arg(long, value_name = "GRAPH", value_parser = variant_of::<Graph>())]
    graph: Option<Graph>,

    /// The smallest latency of a segment, in milliseconds [default: each seed draws it].
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=1000))]
    latency: Option<u64>,

    /// When records are on disk [default: each seed draws it].
    #[arg(long, value_name = "WHEN", value_parser = variant_of::<Persistence>())]
    durability: Option<Persistence>,
}

/// How often the progress is shown.
const PROGRESS: Duration = Duration::from_millis(500);

/// Which seeds, and what their plans have in common.
struct Seeds {
    first: u64,
    count: u64,
    /// What is given of each plan, as arguments of this command and of the program that runs one seed.
    given: Vec<String>,
}

/// Builds the simulator, and runs all seeds.
///
/// # Errors
/// It does not build, a seed does not run alike twice, or a promise was broken: the message says how to see it again.
pub(super) fn run_seeds(args: &TurmoilArgs) -> Result<()> {
    let seeds = &Seeds::of(args);
    let program = build()?;
    let folder = target_dir()?.join("chaos").join("turmoil");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let one = |seed: u64| one_seed(&program, &folder, seeds, seed);
    let (first, again) = (one(seeds.first)?, one(seeds.first)?);
    ensure!(first.trace == again.trace, "seed {} does not run alike twice", seeds.first);
    let began = Instant::now();
    let reports = run_all(seeds, &one)?;
    print(&describe(&reports, began.elapsed()))
}

/// Builds the program that runs one seed, with the compiler flag that the seeded runtime takes, in a folder of its own: nothing
/// else is to be built anew for that.
fn build() -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--locked", "--package", "xtask", "--features", "turmoil", "--bin", "turmoil"]);
    build
        .args(["--message-format=json-render-diagnostics", "--target-dir"])
        .arg(target_dir()?.join("turmoil"));
    build.env("RUSTFLAGS", "--cfg tokio_unstable").stderr(Stdio::inherit());
    let output = build.output().context("cannot run cargo build")?;
    ensure!(output.status.success(), "the simulator does not build");
    let said = String::from_utf8_lossy(&output.stdout);
    let mut messages = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let program = messages.find_map(|message| message["executable"].as_str().map(PathBuf::from));
    program.context("cargo build names no executable for the simulator")
}

/// Runs a seed in a process of its own: what is left of one run in memory cannot change another.
fn one_seed(program: &Path, folder: &Path, seeds: &Seeds, seed: u64) -> Result<SeedReport> {
    let again = seeds.command(seed);
    let mut command = Command::new(program);
    command.args(["--seed", &seed.to_string(), "--again", &again]).args(&seeds.given);
    command.arg("--folder").arg(folder);
    let output = command.output().context("cannot run the simulator")?;
    if !output.status.success() {
        bail!("{}\nrun it again with `{again}`", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    serde_json::from_slice(&output.stdout).context("expected a report of the simulator")
}

/// Runs all seeds, as many at a time as there are processors. Stops at the first that fails.
fn run_all(seeds: &Seeds, one: &(impl Fn(u64) -> Result<SeedReport> + Sync)) -> Result<Vec<SeedReport>> {
    let left: Mutex<VecDeque<u64>> = Mutex::new((seeds.first..seeds.first + seeds.count).collect());
    let reports = Mutex::new(Vec::new());
    // A function of its own, so that nobody holds the lock while a seed runs.
    let next = || left.lock().expect("no worker panics").pop_front();
    let work = || -> Result<()> {
        while let Some(seed) = next() {
            let report = one(seed).and_then(|report| judge(report, seeds));
            // The others end after what they are doing.
            if report.is_err() {
                left.lock().expect("no worker panics").clear();
            }
            reports.lock().expect("no worker panics").push(report?);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        while workers.iter().any(|worker| !worker.is_finished()) {
            let done = reports.lock().expect("no worker panics").len();
            status(&format!("{done} of {} seeds", seeds.count));
            thread::sleep(PROGRESS);
        }
        status("");
        workers.into_iter().try_for_each(|worker| worker.join().expect("no worker panics"))
    })?;
    let mut reports: Vec<SeedReport> = reports.into_inner().expect("no worker panics");
    reports.sort_by_key(|report| report.seed);
    Ok(reports)
}

impl Seeds {
    fn of(args: &TurmoilArgs) -> Seeds {
        let TurmoilArgs { seeds: count, first, nodes, graph, latency, durability } = *args;
        let mut given = vec!["--nodes".to_owned(), nodes.to_string()];
        let mut add = |flag: &str, value: Option<String>| {
            given.extend(value.into_iter().flat_map(|value| [flag.to_owned(), value]));
        };
        add("--graph", graph.map(|graph| graph.to_string()));
        add("--latency", latency.map(|latency| latency.to_string()));
        add("--durability", durability.map(|durability| durability.to_string()));
        Seeds { first, count, given }
    }

    /// The command that runs one seed again.
    fn command(&self, seed: u64) -> String {
        format!("cargo xtask chaos turmoil --first {seed} --seeds 1 {}", self.given.join(" "))
    }
}

/// Fails if something was not right.
fn judge(report: SeedReport, seeds: &Seeds) -> Result<SeedReport> {
    if report.violations.is_empty() && report.settled.is_some() {
        return Ok(report);
    }
    let settled = if report.settled.is_some() { "" } else { "the nodes never knew the same\n" };
    let shown = report.violations.iter().take(10).map(|violation| format!("{violation}\n"));
    bail!(
        "seed {}: a promise was broken\n{}{settled}history: {}\nrun it again with `{}`",
        report.seed,
        shown.collect::<String>(),
        report.history.display(),
        seeds.command(report.seed)
    )
}

fn describe(reports: &[SeedReport], took: Duration) -> String {
    let mut settled: Vec<Duration> = reports.iter().filter_map(|report| report.settled).collect();
    settled.sort_unstable();
    let acknowledged: usize = reports.iter().map(|report| report.acknowledged).sum();
    let excused: usize = reports.iter().map(|report| report.excused).sum();
    format!(
        "{} herds, the first of them twice alike, in {took:.1?}: {acknowledged} updates acknowledged, 0 lost, 0 diverged, 0 phantom; \
         {excused} excused, whose node forgot them before it could pass them on\n\
         settled {:.1?} (median) to {:.1?} (longest) after the last client, in virtual time\n",
        reports.len(),
        settled.get(settled.len() / 2).copied().unwrap_or_default(),
        settled.last().copied().unwrap_or_default(),
    )
}
