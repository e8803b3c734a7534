//! Measures reports a second: at one node alone, at one that floods to four neighbours, and at five
//! nodes until all of them have every update. C is the number of connections, P the number of
//! commands in flight on each.
//!
//! An iteration sends one batch on every connection and checks the answers. An element is one
//! report. The percentiles are those of batches.

use std::net::SocketAddr;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use xtask::cluster::graphs::Graph;
use xtask::cluster::herd_file::HerdFile;
use xtask::load::flood::sink;

use benches::{HerdToMeasure, Reports};

fn iamat_throughput(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("iamat_throughput");
    one_node(&mut group);
    four_sinks(&mut group);
    five_nodes(&mut group);
    group.finish();
}

fn one_node(group: &mut BenchmarkGroup<'_, WallTime>) {
    let herd = HerdToMeasure::start(&star(1)).expect("a node");
    let node = [herd.client_address("Node1").expect("a node")];
    for (connections, depth) in [1, 16, 64].into_iter().flat_map(|c| [1, 16, 128].map(|depth| (c, depth))) {
        bench(group, "one node", &node, connections, depth, |_| {});
    }
}

/// Measures a node whose four neighbours discard its updates.
fn four_sinks(group: &mut BenchmarkGroup<'_, WallTime>) {
    let herd = HerdToMeasure::start_first(&star(5), 1).expect("a node");
    let neighbour = |number| herd.watch("Node1", &format!("Node{number}")).expect("a node");
    sink(&[2, 3, 4, 5].map(neighbour)).expect("neighbours");
    let node = [herd.client_address("Node1").expect("a node")];
    for connections in [16, 64] {
        bench(group, "four sinks", &node, connections, 16, |_| {});
    }
}

/// Measures five nodes. An iteration ends when every node has every report.
fn five_nodes(group: &mut BenchmarkGroup<'_, WallTime>) {
    let herd = HerdToMeasure::start(&HerdFile::find("2015-winter").expect("a herd file")).expect("a herd");
    let addresses =
        herd.nodes().into_iter().map(|node| herd.client_address(&node)).collect::<Result<Vec<_>, _>>();
    let nodes = addresses.expect("five nodes");
    bench(group, "five nodes", &nodes, 65, 16, |reports| {
        reports.wait_until_everywhere(&nodes).expect("reports everywhere");
    });
}

/// Measures one load. An iteration ends when `settle` returns.
fn bench(
    group: &mut BenchmarkGroup<'_, WallTime>,
    what: &str,
    nodes: &[SocketAddr],
    connections: usize,
    depth: usize,
    settle: impl Fn(&Reports),
) {
    let mut reports = Reports::open(nodes, connections, depth).expect("connections");
    let name = format!("{what}/C{connections}/P{depth}");
    group.throughput(Throughput::Elements((connections * depth) as u64));
    group.bench_function(&name, |bencher| {
        bencher.iter_custom(|rounds| {
            let started = std::time::Instant::now();
            reports.send(rounds).expect("answers");
            settle(&reports);
            started.elapsed().max(Duration::from_nanos(1))
        });
    });
    reports.batches.print(&name);
}

fn star(nodes: u16) -> HerdFile {
    HerdFile::parse(&Graph::Star.herd_file(nodes, 1), "a star").expect("a herd file")
}

criterion_group!(benches, iamat_throughput);
criterion_main!(benches);
