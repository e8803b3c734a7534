//! Reports as many clients as a node admits, and one more.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Bound, Finding, LimitsBench, LoneNode};
use crate::cluster::admin_client;
use crate::cluster::proc_usage::resident_bytes;
use crate::load::generator::Task;
use crate::load::{Load, Order, Protocol, Summary};

/// The default limit.
const MOST: u64 = 1_000_000;

pub(super) fn check_clients(bench: &LimitsBench) -> Result<Vec<Finding>> {
    let mut node = bench.start("clients")?;
    let pid = node.pid()?;
    let before = resident_bytes(pid)?;
    ask_line(&node, "IAMAT known +1+1 1")?;
    while known(&mut node)? < MOST {
        let load = Load {
            protocol: Protocol::Iamat,
            nodes: vec![node.address()?],
            connections: 64,
            depth: 128,
            rate: None,
            clients: MOST - 1,
            order: Order::InTurn,
            duration: Duration::from_secs(2),
            ..Load::default()
        };
        let summary: Summary = bench.generator.perform(&Task::Load { load, live: false })?;
        summary.ensure_all_right()?;
    }
    let more = ask_line(&node, "IAMAT more +1+1 1")?;
    ensure!(more == "? IAMAT more +1+1 1\n", "expected a rejection of one more client, not {more:?}");
    let later = ask_line(&node, "IAMAT known +2+2 2")?;
    ensure!(later.starts_with("AT Node1 "), "expected an AT line for a known client, not {later:?}");
    let bytes = (resident_bytes(pid)? - before) / MOST as f64;
    let what = format!("bytes for each of {MOST} clients; another client is rejected, known ones are not");
    Ok(vec![Finding::new(what, bytes, "B", Bound::AtMost(400.0))])
}

/// The number of clients that a node knows.
fn known(node: &mut LoneNode) -> Result<u64> {
    let address = node.0.admin("Node1")?.context("Node1 has ended")?;
    admin_client::status(address)?["clients"].as_u64().context("expected a number of clients in the status")
}

/// Sends a line on a new connection, and returns the first line of the answer.
fn ask_line(node: &LoneNode, line: &str) -> Result<String> {
    let mut stream = TcpStream::connect(node.address()?)?;
    stream.write_all(format!("{line}\n").as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(answer)
}
