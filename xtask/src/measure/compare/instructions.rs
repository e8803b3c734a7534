//! Rows of instructions for each report. Unlike times, they are equal in every run.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};

use super::CompareBench;
use super::figure::Figure;
use super::systems::check_installed;
use crate::cluster::graphs::Graph;
use crate::cluster::guest_program::Template;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::test_herd::TestHerd;
use crate::load::Protocol;

/// The numbers of reports of the two runs. Their difference leaves out the start and the stop.
const REPORTS: [usize; 2] = [2_000, 12_000];

/// The number of reports of a write.
const BATCH: usize = 16;

/// The number of clients.
const CLIENTS: u64 = 1_000;

pub(super) fn per_report(bench: &CompareBench) -> Result<Vec<Figure>> {
    let title = format!("instructions a report, {BATCH} at a time");
    let mut figure = Figure::new("instructions", title, "instructions");
    if let Err(missing) = check_installed("valgrind", "apt install valgrind") {
        figure.missing.push(format!("instructions: {missing}"));
        return Ok(vec![figure]);
    }
    for _ in 0..bench.rounds.min(3) {
        let [short, long] = REPORTS;
        let more = instructions(bench, long)? - instructions(bench, short)?;
        figure.add("herd", more / (long - short) as f64, Vec::new());
    }
    Ok(vec![figure])
}

/// The instructions of a node from its start to its stop, with this number of reports.
fn instructions(bench: &CompareBench, reports: usize) -> Result<f64> {
    let counts = bench.folder.join("callgrind.out");
    let _ = fs::remove_file(&counts);
    let words = [
        "valgrind",
        "--tool=callgrind",
        &format!("--callgrind-out-file={}", counts.display()),
        &bench.herd.display().to_string(),
        "{name}",
        "--config",
        "{file}",
        "--log-level",
        "error",
    ];
    let file = HerdFile::parse(&Graph::Star.herd_file(1, 1), "a node alone")?;
    let template = Template::of(words.map(str::to_owned))?;
    let mut processes = TestHerd::new(&file, |file, _| template.herd(file, bench.folder.join("callgrind")))?;
    let node = processes.herd().members[0].client;
    processes.start_all()?;
    let mut stream = BufReader::new(TcpStream::connect(node)?);
    stream.get_ref().set_nodelay(true)?;
    let mut answer = String::new();
    for batch in 0..reports / BATCH {
        let mut lines = Vec::new();
        for report in batch * BATCH..(batch + 1) * BATCH {
            Protocol::Iamat.write(
                &mut lines,
                report as u64 % CLIENTS,
                1_700_000_000_000_000_000 + report as u64,
            );
        }
        stream.get_mut().write_all(&lines)?;
        for _ in 0..BATCH {
            answer.clear();
            stream.read_line(&mut answer)?;
            ensure!(answer.starts_with("AT "), "expected an AT line, not {answer:?}");
        }
    }
    drop(stream);
    processes.stop_all()?;
    let text = fs::read_to_string(&counts)
        .with_context(|| format!("cannot read {}, which callgrind should have written", counts.display()))?;
    let total =
        text.lines().find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
    total
        .and_then(|total| total.trim().parse().ok())
        .with_context(|| format!("expected a total in {}", counts.display()))
}
