//! A node that knows nothing joins a herd that knows a million clients, as a neighbour of all four others.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::proxied::Proxied;
use super::{Bench, Bound, Finding};
use crate::cluster::graphs::Graph;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::processes::Processes;
use crate::load::generator::Task;
use crate::load::{Load, Protocol, Summary};

/// Clients that the others know.
const CLIENTS: u64 = 1_000_000;

/// One who joins, and those who are there.
const NEW: &str = "Node5";
const OTHERS: [&str; 4] = ["Node1", "Node2", "Node3", "Node4"];

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Long enough to report all clients once, each time from the first one on.
const FILL: Duration = Duration::from_secs(15);

/// What neighbours may still have to say to each other when the new one knows everything.
const AFTERMATH: Duration = Duration::from_secs(2);

/// Of so many clients the length of a line is looked at.
const SAMPLE: u64 = 1_000;

pub(super) fn check(bench: &Bench) -> Result<Vec<Finding>> {
    let file = HerdFile::parse(&Graph::Mesh.herd_file(5, 1), "a mesh of five")?;
    let mut herd = Proxied::new(bench, "join", &file)?;
    herd.nodes.start(&OTHERS.map(str::to_owned))?;
    fill(bench, &mut herd)?;
    let one_copy = one_copy(&herd.nodes)?;
    let began = Instant::now();
    herd.nodes.start(&[NEW.to_owned()])?;
    herd.wait_for(NEW, CLIENTS, PATIENCE)?;
    let took = began.elapsed();
    // What is still on its way counts as well.
    thread::sleep(AFTERMATH);
    let received = herd.carried(OTHERS.map(|other| (other, NEW)))? as f64;
    let said = herd.carried(OTHERS.map(|other| (NEW, other)))? as f64;
    herd.nodes.stop_all()?;
    Ok(vec![
        Finding::new(
            format!("an empty node with four neighbours, {CLIENTS} clients: complete after"),
            took.as_secs_f64(),
            "s",
            Bound::AtMost(10.0),
        ),
        Finding::new("received in all, against one copy", received / one_copy, "x", Bound::AtMost(1.2)),
        Finding::new("said in all, against one copy", said / one_copy, "x", Bound::AtMost(0.2)),
    ])
}

/// Reports all clients at the others, and waits until each of those knows them.
fn fill(bench: &Bench, herd: &mut Proxied) -> Result<()> {
    let nodes = OTHERS.iter().map(|name| Ok(herd.nodes.member(name)?.client)).collect::<Result<Vec<_>>>()?;
    while herd.known(OTHERS[0])?.is_none_or(|known| known < CLIENTS) {
        let load = Load {
            protocol: Protocol::Iamat,
            nodes: nodes.clone(),
            connections: 64,
            depth: 128,
            rate: None,
            clients: CLIENTS,
            duration: FILL,
        };
        let summary: Summary = bench.generator.perform(&Task::Load { load, live: false })?;
        ensure!(summary.wrong == 0, "{} answers were wrong", summary.wrong);
    }
    OTHERS.iter().try_for_each(|name| herd.wait_for(name, CLIENTS, PATIENCE))
}

/// The bytes of the AT lines of all clients, as a sample has it.
fn one_copy(herd: &Processes) -> Result<f64> {
    let mut stream = BufReader::new(TcpStream::connect(herd.member(OTHERS[0])?.client)?);
    let mut bytes = 0;
    for client in (0..CLIENTS).step_by((CLIENTS / SAMPLE) as usize) {
        let question = format!("WHATSAT {} 0 0\n", Protocol::client_id(client));
        stream.get_mut().write_all(question.as_bytes())?;
        let mut line = String::new();
        stream.read_line(&mut line)?;
        ensure!(line.starts_with("AT "), "a question was answered {line:?}");
        bytes += line.len();
        while line != "\n" {
            line.clear();
            stream.read_line(&mut line)?;
        }
    }
    Ok(bytes as f64 * (CLIENTS / SAMPLE) as f64)
}
