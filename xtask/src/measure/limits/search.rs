//! Searches a full table for clients without a pause, and measures how long reports wait.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Bound, Finding, LimitsBench};
use crate::load::generator::Task;
use crate::load::{Latency, Load, Order, Protocol, Summary};

/// The number of clients in the table.
const CLIENTS: u64 = 1_000_000;

/// The pairs of loads, one of them beside searches, and how long each load is.
const PAIRS: usize = 5;
const LOAD: Duration = Duration::from_secs(3);

/// The longest time for a page.
const PATIENCE: Duration = Duration::from_secs(60);

/// A search that reads the whole table, and has the largest page.
const SEARCH: &str = "/clients?near=34.068930,-118.445127&limit=10000";

pub(super) fn check_search(bench: &LimitsBench) -> Result<Vec<Finding>> {
    let mut node = bench.start("search")?;
    let (client, pid) = (node.address()?, node.pid()?);
    let admin = node.0.admin("Node1")?.with_context(|| format!("process {pid} has ended"))?;
    while known(admin)? < CLIENTS {
        let load = Load { rate: None, connections: 64, depth: 128, ..load(client) };
        bench.generator.perform::<Summary>(&Task::Load { load, live: false })?.ensure_all_right()?;
    }
    let (mut added, mut alone, mut beside, mut pages) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..PAIRS {
        let quiet = measure(bench, client)?;
        let (searched, found) = while_searching(admin, || measure(bench, client))?;
        pages += found;
        added.push((searched.p999 - quiet.p999) / 1e3);
        alone.push(quiet);
        beside.push(searched);
    }
    ensure!(pages > 0, "no page was found beside a load");
    added.sort_by(f64::total_cmp);
    let slowest =
        |latencies: &[Latency]| latencies.iter().map(|latency| latency.max / 1e3).fold(0.0, f64::max);
    let p999 = |latencies: &[Latency]| {
        let mut all: Vec<f64> = latencies.iter().map(|latency| latency.p999 / 1e3).collect();
        all.sort_by(f64::total_cmp);
        all[PAIRS / 2]
    };
    let what = format!(
        "with searches of {CLIENTS} clients without a pause ({pages} pages): added to the p99.9 of reports \
         (p99.9 {:.2} instead of {:.2} ms, slowest {:.2} instead of {:.2} ms)",
        p999(&beside),
        p999(&alone),
        slowest(&beside),
        slowest(&alone),
    );
    Ok(vec![Finding::new(what, added[PAIRS / 2], "ms", Bound::AtMost(5.0))])
}

/// Reports of all clients, 1,000 a second.
fn load(client: SocketAddr) -> Load {
    Load {
        protocol: Protocol::Iamat,
        nodes: vec![client],
        connections: 8,
        depth: 16,
        rate: Some(1000.0),
        clients: CLIENTS,
        order: Order::InTurn,
        duration: LOAD,
        ..Load::default()
    }
}

fn measure(bench: &LimitsBench, client: SocketAddr) -> Result<Latency> {
    let summary: Summary = bench.generator.perform(&Task::Load { load: load(client), live: false })?;
    summary.ensure_all_right()?;
    Ok(summary.latency)
}

/// Searches until `work` is done. Returns its result and the number of pages that were found.
fn while_searching<T>(admin: SocketAddr, work: impl FnOnce() -> Result<T>) -> Result<(T, u64)> {
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let searches = scope.spawn(|| {
            let mut pages = 0;
            while !is_done.load(Ordering::Relaxed) {
                let page = fetch(admin, SEARCH)?;
                ensure!(page.contains("\"km\":"), "expected a page of clients, not {page:.80}");
                pages += 1;
            }
            Ok(pages)
        });
        let done = work();
        is_done.store(true, Ordering::Relaxed);
        let pages = searches.join().expect("a thread that does not panic")?;
        Ok((done?, pages))
    })
}

/// The number of clients that the node knows.
fn known(admin: SocketAddr) -> Result<u64> {
    let status: serde_json::Value = serde_json::from_str(&fetch(admin, "/status")?)?;
    status["clients"].as_u64().context("expected a number of clients in the status")
}

/// Returns the body that a node serves at `path`, however long that takes.
fn fetch(admin: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(admin)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).context("the admin port did not answer")?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the admin port did not answer with HTTP")?;
    ensure!(head.contains(" 200 "), "expected 200 for {path}, not {head:.80}");
    Ok(body.to_owned())
}
