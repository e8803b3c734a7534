//! A node is cut off for a minute while clients of both sides report; what is sent afterwards is what has changed.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::proxied::Proxied;
use super::{Bench, Bound, Finding};
use crate::chaos::proxy::Conditions;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::processes::Processes;

/// The one that is cut off, and its only neighbour.
const ALONE: &str = "Hamilton";
const NEIGHBOUR: &str = "Parker";

/// For how long, and how often a new client is reported at each of the five nodes meanwhile.
const LASTS: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_millis(5);

/// How long the herd may take to know the same again.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn check(bench: &Bench) -> Result<Vec<Finding>> {
    let mut herd = Proxied::new(bench, "partition", &HerdFile::find("2015-winter")?)?;
    herd.nodes.start_all()?;
    let ways = [(ALONE, NEIGHBOUR), (NEIGHBOUR, ALONE)];
    for (from, to) in ways {
        herd.proxy.set_conditions(from, to, Conditions { cut: true, ..Conditions::default() })?;
    }
    let (clients, changed) = report_everywhere(&herd.nodes)?;
    let (before, began) = (herd.carried(ways)?, Instant::now());
    for (from, to) in ways {
        herd.proxy.set_conditions(from, to, Conditions::default())?;
    }
    for name in herd.nodes.names() {
        herd.wait_for(&name, clients, PATIENCE)?;
    }
    let (took, sent) = (began.elapsed(), herd.carried(ways)? - before);
    herd.nodes.stop_all()?;
    Ok(vec![
        Finding::new(
            format!(
                "cut off for 60 s, {clients} clients meanwhile: bytes sent against those of what changed"
            ),
            sent as f64 / changed as f64,
            "x",
            Bound::AtMost(1.05),
        ),
        Finding::new("until all nodes knew the same", took.as_secs_f64(), "s", Bound::AtMost(10.0)),
    ])
}

/// Reports new clients at all nodes. Tells how many, and the bytes of their AT lines, each of which has to go one way or the other.
fn report_everywhere(herd: &Processes) -> Result<(u64, u64)> {
    let nodes: Vec<(String, SocketAddr)> =
        herd.herd().members.iter().map(|member| (member.name.clone(), member.client)).collect();
    let reporters: Vec<_> =
        nodes.into_iter().map(|(name, address)| thread::spawn(move || report(&name, address))).collect();
    let mut sum = (0, 0);
    for reporter in reporters {
        let (clients, bytes) = reporter.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
        sum = (sum.0 + clients, sum.1 + bytes);
    }
    Ok(sum)
}

fn report(node: &str, address: SocketAddr) -> Result<(u64, u64)> {
    let mut stream = BufReader::new(TcpStream::connect(address)?);
    stream.get_ref().set_nodelay(true)?;
    stream.get_ref().set_read_timeout(Some(PATIENCE))?;
    let (began, mut clients, mut bytes) = (Instant::now(), 0u64, 0);
    while began.elapsed() < LASTS {
        thread::sleep((began + EVERY * clients as u32).saturating_duration_since(Instant::now()));
        let line = format!("IAMAT of-{node}-{clients} +34.068930-118.445127 {clients}.5\n");
        stream.get_mut().write_all(line.as_bytes())?;
        let mut answer = String::new();
        stream.read_line(&mut answer).context("a report is not answered")?;
        ensure!(answer.starts_with("AT "), "a report was answered {answer:?}");
        clients += 1;
        bytes += answer.len() as u64;
    }
    Ok((clients, bytes))
}
