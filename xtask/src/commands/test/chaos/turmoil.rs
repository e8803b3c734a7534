//! `chaos turmoil`: break the real shell of nodes on a simulated network, one process for each
//! seed.

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
use crate::commands::print::{overwrite_progress, print};
use crate::oracle::Persistence;
use crate::turmoil::SeedReport;

/// Which seeds to run.
#[derive(Clone, Debug, Args)]
pub(super) struct TurmoilArgs {
    /// The number of seeds, each with its own herd
    #[arg(long, value_name = "N", default_value_t = 20)]
    seeds: u64,

    /// The first seed
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    first: u64,

    /// The number of nodes of each herd
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(2..=100))]
    nodes: u16,

    /// The graph of the herds [default: drawn by each seed]
    #[arg(long, value_name = "GRAPH", value_parser = variant_of::<Graph>())]
    graph: Option<Graph>,

    /// The smallest latency of a segment, in milliseconds [default: drawn by each seed]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=1000))]
    latency: Option<u64>,

    /// When records are on disk [default: drawn by each seed]
    #[arg(long, value_name = "WHEN", value_parser = variant_of::<Persistence>())]
    durability: Option<Persistence>,
}

/// The time between two lines of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// The seeds, and the settings that their plans share.
struct TurmoilSeeds {
    first: u64,
    count: u64,
    /// The shared settings, as arguments of this command and of the program that runs one seed.
    settings: Vec<String>,
}

/// Builds the simulator, and runs all seeds. Stops at the first failure.
///
/// # Errors
/// The simulator does not build, two runs of the first seed differ, or a promise was broken. In the
/// last case the message has the command that repeats the run.
pub(super) fn run_turmoil_seeds(args: &TurmoilArgs) -> Result<()> {
    let seeds = &TurmoilSeeds::of(args);
    let program = build_simulator()?;
    let folder = target_dir()?.join("chaos").join("turmoil");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let run_seed = |seed: u64| run_seed(&program, &folder, seeds, seed);
    let (first, again) = (run_seed(seeds.first)?, run_seed(seeds.first)?);
    ensure!(
        first.trace == again.trace,
        "two runs of seed {} differ: the simulation is not deterministic",
        seeds.first
    );
    let began = Instant::now();
    let reports = run_in_processes(seeds, &run_seed)?;
    print(&summary(&reports, began.elapsed()))
}

/// Builds the program that runs one seed.
fn build_simulator() -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--locked", "--package", "xtask", "--features", "turmoil", "--bin", "turmoil"]);
    build.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let output = build.output().context("cannot run cargo build")?;
    ensure!(output.status.success(), "cargo cannot build the simulator: see its errors above");
    let printed = String::from_utf8_lossy(&output.stdout);
    let mut messages = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let program = messages.find_map(|message| message["executable"].as_str().map(PathBuf::from));
    program.context("cargo build named no executable for the simulator")
}

/// Runs a seed in its own process, so that the memory of one run cannot affect another.
fn run_seed(program: &Path, folder: &Path, seeds: &TurmoilSeeds, seed: u64) -> Result<SeedReport> {
    let again = seeds.command(seed);
    let mut command = Command::new(program);
    command.args(["--seed", &seed.to_string(), "--again", &again]).args(&seeds.settings);
    command.arg("--folder").arg(folder);
    let output = command.output().context("cannot run the simulator")?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("{}\nrepeat the run with `{again}`", errors.trim_end());
    }
    serde_json::from_slice(&output.stdout).context("the simulator did not print a report")
}

/// Runs all seeds, one at a time for each processor. Stops at the first failure.
fn run_in_processes(
    seeds: &TurmoilSeeds,
    run_seed: &(impl Fn(u64) -> Result<SeedReport> + Sync),
) -> Result<Vec<SeedReport>> {
    let left: Mutex<VecDeque<u64>> = Mutex::new((seeds.first..seeds.first + seeds.count).collect());
    let reports = Mutex::new(Vec::new());
    // This is a function so that the lock is released before the seed runs.
    let next = || left.lock().expect("no worker panics").pop_front();
    let work = || -> Result<()> {
        while let Some(seed) = next() {
            let report = run_seed(seed).and_then(|report| check_report(report, seeds));
            // The other workers stop after their current seed.
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
            overwrite_progress(&format!("{done} of {} seeds", seeds.count));
            thread::sleep(PROGRESS_INTERVAL);
        }
        overwrite_progress("");
        workers.into_iter().try_for_each(|worker| worker.join().expect("no worker panics"))
    })?;
    let mut reports: Vec<SeedReport> = reports.into_inner().expect("no worker panics");
    reports.sort_by_key(|report| report.seed);
    Ok(reports)
}

impl TurmoilSeeds {
    fn of(args: &TurmoilArgs) -> TurmoilSeeds {
        let TurmoilArgs { seeds: count, first, nodes, graph, latency, durability } = *args;
        let mut settings = vec!["--nodes".to_owned(), nodes.to_string()];
        let mut add = |flag: &str, value: Option<String>| {
            settings.extend(value.into_iter().flat_map(|value| [flag.to_owned(), value]));
        };
        add("--graph", graph.map(|graph| graph.to_string()));
        add("--latency", latency.map(|latency| latency.to_string()));
        add("--durability", durability.map(|durability| durability.to_string()));
        TurmoilSeeds { first, count, settings }
    }

    /// Returns the command that repeats the run of one seed.
    fn command(&self, seed: u64) -> String {
        format!("cargo xtask chaos turmoil --first {seed} --seeds 1 {}", self.settings.join(" "))
    }
}

/// Fails if an invariant was violated or the herd did not settle.
fn check_report(report: SeedReport, seeds: &TurmoilSeeds) -> Result<SeedReport> {
    if report.violations.is_empty() && report.settled.is_some() {
        return Ok(report);
    }
    let settled = if report.settled.is_some() { "" } else { "the nodes never agreed\n" };
    let shown = report.violations.iter().take(10).map(|violation| format!("{violation}\n"));
    bail!(
        "seed {}: a promise was broken\n{}{settled}history: {}\nrepeat the run with `{}`",
        report.seed,
        shown.collect::<String>(),
        report.history.display(),
        seeds.command(report.seed)
    )
}

fn summary(reports: &[SeedReport], took: Duration) -> String {
    let mut settled: Vec<Duration> = reports.iter().filter_map(|report| report.settled).collect();
    settled.sort_unstable();
    let acknowledged: usize = reports.iter().map(|report| report.acknowledged).sum();
    let excused: usize = reports.iter().map(|report| report.excused).sum();
    format!(
        "{} herds in {took:.1?}, and two equal runs of the first: {acknowledged} updates acknowledged, \
         0 lost, 0 diverged, 0 phantom; {excused} excused, whose node crashed before it could flood them\n\
         settled {:.1?} (median) to {:.1?} (longest) after the last client, in virtual time\n",
        reports.len(),
        settled.get(settled.len() / 2).copied().unwrap_or_default(),
        settled.last().copied().unwrap_or_default(),
    )
}
