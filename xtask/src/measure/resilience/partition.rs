//! Cuts a node off for a minute while clients of both sides send reports. Afterwards only the
//! changes should be sent.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::filled::wait_for;
use super::proxied::ProxiedHerd;
use super::{Bound, Finding, ResilienceBench};
use crate::cluster::herd_file::HerdFile;
use crate::cluster::processes::Processes;
use crate::cluster::proxy::Conditions;

/// The node that is cut off.
const ALONE: &str = "Hamilton";

/// Its only neighbour.
const NEIGHBOUR: &str = "Parker";

/// The time for which the node is cut off.
const LASTS: Duration = Duration::from_secs(60);

/// The time between two reports to a node. Each report is of a new client.
const EVERY: Duration = Duration::from_millis(5);

/// The timeout until all nodes agree.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn check_partition(bench: &ResilienceBench) -> Result<Vec<Finding>> {
    let mut herd = ProxiedHerd::new(bench, "partition", &HerdFile::find("2015-winter")?)?;
    herd.nodes.start_all()?;
    let directions = [(ALONE, NEIGHBOUR), (NEIGHBOUR, ALONE)];
    for (from, to) in directions {
        herd.proxy.set_conditions(from, to, Conditions { cut: true, ..Conditions::default() })?;
    }
    let (clients, changed) = report_everywhere(&herd.nodes)?;
    let before = herd.carried(directions)?;
    let began = Instant::now();
    for (from, to) in directions {
        herd.proxy.set_conditions(from, to, Conditions::default())?;
    }
    for name in herd.nodes.names() {
        wait_for(&mut herd.nodes, &name, clients, PATIENCE)?;
    }
    let took = began.elapsed();
    let sent = herd.carried(directions)? - before;
    herd.nodes.stop_all()?;
    Ok(vec![
        Finding::new(
            format!(
                "cut off for 60 s with {clients} new clients: bytes sent, relative to the bytes of the changes"
            ),
            sent as f64 / changed as f64,
            "x",
            Bound::AtMost(1.05),
        ),
        Finding::new("time until all nodes agreed", took.as_secs_f64(), "s", Bound::AtMost(10.0)),
    ])
}

/// Reports new clients to all nodes. Returns their number, and the bytes of their AT lines. Each of
/// these lines must be sent in one direction after the partition.
fn report_everywhere(herd: &Processes) -> Result<(u64, u64)> {
    let nodes: Vec<(String, SocketAddr)> =
        herd.herd().members.iter().map(|member| (member.name.clone(), member.client)).collect();
    let reporters: Vec<_> =
        nodes.into_iter().map(|(name, address)| thread::spawn(move || report_to(&name, address))).collect();
    let mut sum = (0, 0);
    for reporter in reporters {
        let (clients, bytes) = reporter.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
        sum = (sum.0 + clients, sum.1 + bytes);
    }
    Ok(sum)
}

/// Reports new clients to a node. Returns their number, and the bytes of their AT lines.
fn report_to(node: &str, address: SocketAddr) -> Result<(u64, u64)> {
    let mut stream = BufReader::new(TcpStream::connect(address)?);
    stream.get_ref().set_nodelay(true)?;
    stream.get_ref().set_read_timeout(Some(PATIENCE))?;
    let began = Instant::now();
    let mut clients = 0u64;
    let mut bytes = 0;
    while began.elapsed() < LASTS {
        thread::sleep((began + EVERY * clients as u32).saturating_duration_since(Instant::now()));
        let line = format!("IAMAT of-{node}-{clients} +34.068930-118.445127 {clients}.5\n");
        stream.get_mut().write_all(line.as_bytes())?;
        let mut answer = String::new();
        stream.read_line(&mut answer).context("a report was not answered")?;
        ensure!(answer.starts_with("AT "), "expected an AT line, not {answer:?}");
        clients += 1;
        bytes += answer.len() as u64;
    }
    Ok((clients, bytes))
}
