//! Moves shards to another node while clients report.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::filled::{PATIENCE, number};
use super::{Bound, Finding, ResilienceBench};
use crate::cluster::backbone::{NatsServers, SERVERS, divided, nats_server, wait_until_whole};
use crate::cluster::processes::{Processes, Setup};
use crate::cluster::test_herd::TestHerd;
use crate::load::generator::Task;
use crate::load::{Load, Order, Protocol, Summary};

/// The nodes, and the shards that they hold. The last one takes the place of the second one.
const NODES: [(&str, &str); 4] =
    [("Node1", "0-31"), ("Node2", "32-63"), ("Node3", "none"), ("Node4", "32-63")];

/// The node that clients report to.
const ENTRY: &str = "Node3";

/// The reports a second, and for how long they come. Each is of another client.
const RATE: u64 = 5_000;
const LOAD: Duration = Duration::from_secs(20);

/// The time after which the new node starts.
const BEFORE: Duration = Duration::from_secs(5);

/// The time between two looks.
const POLL: Duration = Duration::from_millis(100);

pub(super) fn check_shard(bench: &ResilienceBench) -> Result<Vec<Finding>> {
    let progress = |line: &str| drop((bench.progress.text)(&format!("{line}\n")));
    let program = match nats_server(&progress) {
        Ok(program) => program,
        Err(error) => {
            progress(&format!("not measured: the servers of the backbone cannot be had: {error:#}"));
            return Ok(Vec::new());
        }
    };
    let folder = bench.folder.join("shard");
    let servers = NatsServers::start(program, folder.join("nats"), SERVERS)?;
    let file = divided(&NODES, &servers.backbone().urls, SERVERS)?;
    let mut path = PathBuf::new();
    let mut herd = TestHerd::new(&file, |file, _| {
        let folder = folder.join("herd");
        fs::create_dir_all(&folder)?;
        path = folder.join("shards.toml");
        fs::write(&path, file.table().to_string())?;
        Processes::new(Setup::clean(file, bench.herd.clone(), folder))
    })?;
    herd.start(&["Node1", "Node2", ENTRY].map(str::to_owned))?;
    for node in [NODES[0], NODES[1]] {
        wait_until_whole(&bench.herd, &path, node, PATIENCE)?;
    }
    let load = Load {
        protocol: Protocol::Iamat,
        nodes: vec![herd.member(ENTRY)?.client],
        connections: 16,
        depth: 16,
        rate: Some(RATE as f64),
        clients: RATE * LOAD.as_secs(),
        order: Order::InTurn,
        duration: LOAD,
        ..Load::default()
    };
    let (summary, took) = thread::scope(|scope| {
        let load =
            scope.spawn(|| -> Result<Summary> { bench.generator.perform(&Task::Load { load, live: false }) });
        let took = move_shards(bench, &mut herd, &path);
        let summary = load.join().map_err(|_| anyhow::anyhow!("the load panicked"))??;
        anyhow::Ok((summary, took?))
    })?;
    summary.ensure_all_right()?;
    let known = wait_for_clients(&mut herd, summary.answers)?;
    herd.stop_all()?;
    let answers = summary.answers;
    Ok(vec![
        Finding::new(
            format!("shards that move: clients lost, of {answers} that reported meanwhile"),
            answers.saturating_sub(known) as f64,
            "",
            Bound::AtMost(0.0),
        ),
        Finding::new(
            "time until the new node knows all clients of its shards",
            took.as_secs_f64(),
            "s",
            Bound::AtMost(5.0),
        ),
        Finding::new(
            "answers to reports: 99th percentile",
            summary.latency.p99 / 1e3,
            "ms",
            Bound::AtMost(20.0),
        ),
    ])
}

/// Starts the new node, waits until it lacks nothing, and kills the one whose shards it holds.
/// Returns the time until it lacked nothing.
fn move_shards(bench: &ResilienceBench, herd: &mut TestHerd, file: &Path) -> Result<Duration> {
    thread::sleep(BEFORE);
    let began = Instant::now();
    herd.start(&["Node4".to_owned()])?;
    wait_until_whole(&bench.herd, file, NODES[3], PATIENCE)?;
    let took = began.elapsed();
    herd.kill(&["Node2".to_owned()])?;
    Ok(took)
}

/// Waits until the nodes that hold shards know this number of clients together, or no longer learn
/// any. Returns how many they know.
fn wait_for_clients(herd: &mut TestHerd, clients: u64) -> Result<u64> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut known = 0;
        for node in ["Node1", "Node4"] {
            known += number(herd, node, "clients")?.unwrap_or_default();
        }
        ensure!(known <= clients, "{known} clients are known, and {clients} have reported");
        if known == clients || Instant::now() > deadline {
            return Ok(known);
        }
        thread::sleep(POLL);
    }
}
