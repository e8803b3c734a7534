//! Measures flood latency: the time from a client's report until a certain node has the update. The
//! node is the nearest or the farthest; reports are sent one at a time or at a rate; graphs and
//! sizes of herds differ.
//!
//! An observer of the node sees the update. An observer is a neighbour that the node passes its
//! updates on to, so the time includes that last link, and no node has to be asked.

use std::io::{self, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use xtask::cluster::graphs::Graph;
use xtask::cluster::herd_file::HerdFile;
use xtask::load::flood::client;

use benches::{HerdToMeasure, Observer, Percentiles};

struct Flood {
    client: TcpStream,
    observer: Observer,
    sent: usize,
    latencies: Percentiles,
}

impl Flood {
    fn start(herd: &HerdToMeasure, from: &str, to: &str) -> Result<Flood> {
        let client = TcpStream::connect(herd.client_address(from)?)?;
        client.set_nodelay(true)?;
        let mut answers = client.try_clone()?;
        let observer = Observer::of(herd, to)?;
        // The answers are discarded: the observer shows that a report was accepted.
        thread::spawn(move || io::copy(&mut answers, &mut io::sink()));
        Ok(Flood { client, observer, sent: 0, latencies: Percentiles::default() })
    }

    fn send(&mut self) -> Result<Instant> {
        self.sent += 1;
        let line = format!("IAMAT {} +34.068930-118.445127 1520023934\n", client(self.sent));
        let started = Instant::now();
        self.client.write_all(line.as_bytes())?;
        Ok(started)
    }

    /// Sends reports, each after the last one has been seen. Returns the sum of their latencies.
    fn one_at_a_time(&mut self, reports: u64) -> Result<Duration> {
        let mut sum = Duration::ZERO;
        for _ in 0..reports {
            let started = self.send()?;
            sum += self.seen(self.sent, started)?;
        }
        Ok(sum)
    }

    /// Sends reports at a rate, whether or not earlier ones have been seen. Returns the sum of
    /// their latencies.
    fn at_rate(&mut self, reports: u64, rate: f64) -> Result<Duration> {
        let began = Instant::now();
        let first = self.sent + 1;
        let mut sent = Vec::new();
        for number in 0..reports {
            let due = began + Duration::from_secs_f64(number as f64 / rate);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            sent.push(self.send()?);
        }
        sent.into_iter().enumerate().map(|(index, started)| self.seen(first + index, started)).sum()
    }

    fn seen(&mut self, update: usize, started: Instant) -> Result<Duration> {
        let took = self.observer.sighting_of(update)?.saturating_duration_since(started);
        self.latencies.add(took);
        Ok(took)
    }
}

fn flood_latency(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("flood_latency");
    group.sample_size(30).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
    default_herd(&mut group);
    for graph in [Graph::Line, Graph::Ring, Graph::Star, Graph::Grid, Graph::Mesh] {
        let name = format!("nine nodes/{graph:?}").to_lowercase();
        // The last node of a ring is a neighbour of the first. The fifth is opposite to the first.
        let farthest = if graph == Graph::Ring { 5 } else { 9 };
        generated(&mut group, &name, graph, 9, farthest);
    }
    for nodes in [5, 10, 25] {
        generated(&mut group, &format!("grid/{nodes} nodes"), Graph::Grid, nodes, nodes);
    }
    group.finish();
}

/// Measures the default herd. From Alford, Parker is one hop away, and Hamilton two.
fn default_herd(group: &mut BenchmarkGroup<'_, WallTime>) {
    let file = HerdFile::find("2015-winter").expect("a herd file");
    for (what, node) in [("nearest", "Parker"), ("farthest", "Hamilton")] {
        let herd = HerdToMeasure::start_observed(&file).expect("a herd");
        let mut flood = Flood::start(&herd, "Alford", node).expect("an observer");
        bench(group, &format!("{what}/one at a time"), &mut flood, Flood::one_at_a_time);
        for rate in [1_000.0, 10_000.0] {
            bench(group, &format!("{what}/{rate} a second"), &mut flood, |flood, n| flood.at_rate(n, rate));
        }
    }
}

/// Measures a generated herd, from the first node to the one that is farthest from it.
fn generated(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, graph: Graph, nodes: u16, farthest: u16) {
    let file = HerdFile::parse(&graph.herd_file(nodes, 1), "a generated herd").expect("a herd file");
    let herd = HerdToMeasure::start_observed(&file).expect("a herd");
    let mut flood = Flood::start(&herd, "Node1", &format!("Node{farthest}")).expect("an observer");
    bench(group, name, &mut flood, Flood::one_at_a_time);
}

fn bench(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    flood: &mut Flood,
    mut send: impl FnMut(&mut Flood, u64) -> Result<Duration>,
) {
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|reports| send(flood, reports).expect("a flood"));
    });
    flood.latencies.print(name);
}

criterion_group!(benches, flood_latency);
criterion_main!(benches);
