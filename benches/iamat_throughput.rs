//! Reports a second at one node: connections by commands in flight on each.
//!
//! One iteration is one batch on every connection, written, answered and checked; an element is one report. The
//! herd is the default one, so each report is flooded to the node's neighbours as well.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use benches::{HerdToMeasure, Reports};

fn iamat_throughput(criterion: &mut Criterion) {
    let herd = HerdToMeasure::start("2015-winter", false).expect("a herd");
    let node = herd.client_address("Alford").expect("a node");
    let mut group = criterion.benchmark_group("iamat_throughput");
    for connections in [1, 16, 64] {
        for depth in [1, 16, 128] {
            let mut reports = Reports::open(node, connections, depth).expect("connections");
            group.throughput(Throughput::Elements((connections * depth) as u64));
            group.bench_function(format!("C{connections}/P{depth}"), |bencher| {
                bencher.iter_custom(|rounds| reports.send(rounds).expect("answers"));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, iamat_throughput);
criterion_main!(benches);
