//! Rows that compare encrypted links with plain ones: the same nodes under the same load.

use anyhow::Result;

use super::figure::Figure;
use super::flood_latency::flood_once;
use super::systems::{HerdLayout, System};
use super::throughput::{everywhere, sunk};
use super::{CompareBench, HERD, interleave};

/// The herd with its default, encrypted links.
const HERD_TLS: System = System::Herd("herd-tls", &[]);

pub(super) fn links(bench: &CompareBench) -> Result<Vec<Figure>> {
    let systems = [HERD, HERD_TLS];
    let mut figures = Vec::new();
    for (title, rate) in [("one at a time", None), ("at 10000/s", Some(10_000.0))] {
        let mut p50 = Figure::new("tls", format!("flood latency {title}, p50"), "us");
        interleave(bench, &mut p50, &systems, |system| {
            let outcome = flood_once(bench, system, HerdLayout::FiveWatched, rate)?;
            Ok((outcome.latency.p50, outcome.latency.points()))
        })?;
        figures.push(p50);
    }
    let mut flooding = Figure::new("tls", "one node flooding to four, C64 P16".to_owned(), "reports/s");
    interleave(bench, &mut flooding, &systems, |system| sunk(bench, system))?;
    let mut five = Figure::new("tls", "five nodes, everywhere, clients spread".to_owned(), "updates/s");
    interleave(bench, &mut five, &systems, |system| {
        let running = system.start(bench, HerdLayout::Five)?;
        Ok((everywhere(bench, &running, true, 64, 16)?.per_second, Vec::new()))
    })?;
    figures.extend([flooding, five]);
    Ok(figures)
}
