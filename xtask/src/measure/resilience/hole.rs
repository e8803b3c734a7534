//! Swallows what a node sends on a link of its tree, without an error. The other node gets the
//! updates from elsewhere, long before it gives the link up.

use std::io::BufReader;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;

use super::proxied::ProxiedHerd;
use super::{Bound, Finding, ResilienceBench};
use crate::cluster::admin_client;
use crate::cluster::graphs::Graph;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::line_client::{self, ask};
use crate::cluster::proxy::Conditions;

/// The node that gets the reports, and the one that hears nothing from it. In a full mesh, the link
/// between them is a link of the first one's tree.
const ORIGIN: &str = "Node1";
const DEAF: &str = "Node2";

/// How often the link is broken, and for how long. Nodes give a link up after 2.5 s.
const ROUNDS: u64 = 5;
const LASTS: Duration = Duration::from_secs(2);

/// The time between two reports. Each report is of a new client.
const EVERY: Duration = Duration::from_millis(5);

/// The timeout until all reports have arrived.
const PATIENCE: Duration = Duration::from_secs(30);

/// The time between two questions about a report that has not arrived.
const POLL: Duration = Duration::from_millis(1);

pub(super) fn check_hole(bench: &ResilienceBench) -> Result<Vec<Finding>> {
    let file = HerdFile::parse(&Graph::Mesh.herd_file(5, 1), "a full mesh of five")?;
    let mut herd = ProxiedHerd::new(bench, "hole", &file)?;
    herd.nodes.start_all()?;
    let [mut origin, mut deaf] = [connect(&herd, ORIGIN)?, connect(&herd, DEAF)?];
    let mut whole = Histogram::new(3)?;
    let mut broken = Histogram::new(3)?;
    for round in 0..ROUNDS {
        report(&mut origin, &mut deaf, &format!("whole-{round}"), &mut whole)?;
        herd.proxy.set_conditions(ORIGIN, DEAF, Conditions { black_hole: true, ..Conditions::default() })?;
        report(&mut origin, &mut deaf, &format!("broken-{round}"), &mut broken)?;
        herd.proxy.set_conditions(ORIGIN, DEAF, Conditions::default())?;
    }
    ensure!(repairs(&mut herd)? > 0, "{DEAF} has repaired nothing, so the link was not a link of the tree");
    herd.nodes.stop_all()?;
    let milliseconds = |histogram: &Histogram<u64>| histogram.value_at_quantile(0.99) as f64 / 1e3;
    Ok(vec![
        Finding::new("p99 of floods on a full mesh of five", milliseconds(&whole), "ms", Bound::AtMost(25.0)),
        Finding::new(
            "the same while a link of the tree is a black hole",
            milliseconds(&broken),
            "ms",
            Bound::AtMost(250.0),
        ),
    ])
}

fn connect(herd: &ProxiedHerd, node: &str) -> Result<BufReader<TcpStream>> {
    line_client::connect(herd.nodes.member(node)?.client)
}

/// Reports new clients to one node, and notes the time until another one knows each, in
/// microseconds.
fn report(
    origin: &mut BufReader<TcpStream>,
    other: &mut BufReader<TcpStream>,
    name: &str,
    times: &mut Histogram<u64>,
) -> Result<()> {
    let began = Instant::now();
    let reports = (LASTS.as_micros() / EVERY.as_micros()) as u32;
    let mut sent = Vec::new();
    let mut seen = 0;
    while seen < reports {
        ensure!(began.elapsed() < PATIENCE, "{DEAF} does not know {name}-{seen} after {PATIENCE:?}");
        let number = sent.len() as u32;
        if number < reports && began.elapsed() >= EVERY * number {
            let answer = ask(origin, &format!("IAMAT {name}-{number} +34.068930-118.445127 1"))?;
            ensure!(answer.starts_with("AT "), "expected an AT line, not {answer:?}");
            sent.push(Instant::now());
        } else if seen < number && ask(other, &format!("WHATSAT {name}-{seen} 0 0"))?.starts_with("AT ") {
            times.record(sent[seen as usize].elapsed().as_micros() as u64)?;
            seen += 1;
        } else {
            thread::sleep(POLL);
        }
    }
    Ok(())
}

/// Returns how often the deaf node got missing updates by asking for them.
fn repairs(herd: &mut ProxiedHerd) -> Result<u64> {
    let address = herd.nodes.admin(DEAF)?.with_context(|| format!("{DEAF} has ended"))?;
    let status = admin_client::status(address)?;
    let neighbours = status["neighbours"].as_array().context("the status has no neighbours")?;
    Ok(neighbours.iter().filter_map(|neighbour| neighbour["repairs"].as_u64()).sum())
}
