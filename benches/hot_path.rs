//! Measures the work of a node for each report, without sockets: parsing the line, updating the
//! table, answering, and passing the update on. An element is one report.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use herd::message::{At, Command, Time};
use herd::node::{Limits, Link, LinkId, Lives, Node, Place};

/// The number of reports that are handled together, like the reports of one read.
const BATCH: usize = 16;

/// The time of the node's clock.
const NOW: Time = Time { seconds: 1_800_000_000, nanoseconds: 263_873_386 };

/// A source of reports of this number of clients. Each report is later than the one before.
struct Reports {
    clients: u64,
    sent: u64,
}

impl Reports {
    fn next(&mut self) -> String {
        self.sent += 1;
        // A large odd step visits the clients in an order that no cache can predict.
        let client = self.sent.wrapping_mul(0x9E37_79B9_7F4A_7C15) % self.clients;
        let (seconds, rest) = (1_700_000_000 + self.sent / 1000, self.sent % 1000);
        format!("IAMAT client-{client:010}.example +34.068930-118.445127 {seconds}.{rest:09}")
    }

    fn batch(&mut self) -> Vec<String> {
        (0..BATCH).map(|_| self.next()).collect()
    }
}

fn node(name: &str, neighbour: &str) -> Node {
    let life = name.len() as u64;
    Node::new(
        name,
        &[neighbour.to_owned()],
        Limits::default(),
        Lives { epoch: life, incarnation: life, hash_seed: 0 },
    )
}

/// Makes a node that knows all clients.
fn node_with_clients(reports: &mut Reports) -> Node {
    let mut node = node("Alford", "Parker");
    let mut out = Vec::new();
    for client in 0..reports.clients {
        let line = format!("IAMAT client-{client:010}.example +34.068930-118.445127 1600000000.000000000");
        node.answer(line.as_bytes(), NOW, &mut out);
        out.clear();
    }
    node
}

/// Makes a link from `node` to a neighbour that has all of its updates.
fn link_in_sync(node: &mut Node) -> Link {
    let mut other = self::node("Parker", "Alford");
    let to = node.neighbour("Parker").expect("a neighbour");
    let mut ends = [Link::dialled(LinkId(0), to, Duration::ZERO), Link::accepted(LinkId(0), Duration::ZERO)];
    loop {
        let mut sent = [Vec::new(), Vec::new()];
        ends[0].transmit(node, Duration::ZERO, NOW, &mut sent[0]).expect("a link");
        ends[1].transmit(&mut other, Duration::ZERO, NOW, &mut sent[1]).expect("a link");
        if sent.iter().all(Vec::is_empty) {
            let [link, _] = ends;
            return link;
        }
        let lines = |bytes: &[u8]| bytes.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
        for line in lines(&sent[0]).iter().filter(|line| !line.is_empty()) {
            ends[1].receive(&mut other, line, Duration::ZERO, NOW).expect("a link");
        }
        for line in lines(&sent[1]).iter().filter(|line| !line.is_empty()) {
            ends[0].receive(node, line, Duration::ZERO, NOW).expect("a link");
        }
    }
}

/// Answers lines as a server does: it parses all of them, and looks up their clients together.
fn answer(node: &mut Node, batch: &[String], out: &mut Vec<u8>) {
    let commands: Vec<Command<'_>> =
        batch.iter().map(|line| Command::parse(line.as_bytes()).expect("a command")).collect();
    let places: Vec<Place> = commands.iter().map(|command| node.locate(command.client())).collect();
    node.preload(places.iter());
    for ((line, command), place) in batch.iter().zip(&commands).zip(places) {
        node.answer_command(Ok((command, place)), line.as_bytes(), NOW, out);
    }
}

fn hot_path(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hot_path");
    group.throughput(Throughput::Elements(BATCH as u64));

    let mut reports = Reports { clients: 10_000, sent: 0 };
    let batch = reports.batch();
    group.bench_function("parse IAMAT", |bencher| {
        bencher
            .iter(|| batch.iter().filter(|line| Command::parse(black_box(line.as_bytes())).is_ok()).count());
    });

    let mut node = node_with_clients(&mut reports);
    let mut out = Vec::new();
    let answers: Vec<Vec<u8>> = batch
        .iter()
        .map(|line| {
            out.clear();
            node.answer(line.as_bytes(), NOW, &mut out);
            out.trim_ascii_end().to_vec()
        })
        .collect();
    group.bench_function("parse AT", |bencher| {
        bencher.iter(|| answers.iter().filter(|line| At::parse(black_box(line)).is_some()).count());
    });

    let mut link = link_in_sync(&mut node);
    group.bench_function("answer and pass on", |bencher| {
        bencher.iter_batched(
            || reports.batch(),
            |batch| {
                out.clear();
                answer(&mut node, &batch, &mut out);
                out.clear();
                link.transmit(&mut node, Duration::ZERO, NOW, &mut out).expect("a link");
            },
            BatchSize::SmallInput,
        );
    });

    for (name, clients) in [("answer, 10 k clients", 10_000), ("answer, 1 M clients", 1_000_000)] {
        let mut reports = Reports { clients, sent: 0 };
        let mut node = node_with_clients(&mut reports);
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || reports.batch(),
                |batch| {
                    out.clear();
                    answer(&mut node, &batch, &mut out);
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, hot_path);
criterion_main!(benches);
