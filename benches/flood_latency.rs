//! From the moment a client sends a report until every other node has it, one report at a time.
//!
//! "Has it" is seen by an observer of each node: a neighbour that the node passes its updates on to, as to any
//! other. So the time includes that last link, and no node is asked anything meanwhile.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::Result;
use criterion::{Criterion, criterion_group, criterion_main};

use benches::{HerdToMeasure, Observer};
use xtask::flood::client;

/// Where the report is sent.
const ORIGIN: &str = "Alford";

struct Flood {
    client: BufReader<TcpStream>,
    observers: Vec<Observer>,
    sent: usize,
}

impl Flood {
    fn start(herd: &HerdToMeasure) -> Result<Flood> {
        let client = TcpStream::connect(herd.client_address(ORIGIN)?)?;
        client.set_nodelay(true)?;
        let others = herd.nodes().into_iter().filter(|node| node != ORIGIN);
        let observers = others.map(|node| Observer::of(herd, &node)).collect::<Result<_>>()?;
        Ok(Flood { client: BufReader::new(client), observers, sent: 0 })
    }

    /// Sends one report; returns how long it took until the last observer had it.
    fn once(&mut self) -> Result<Duration> {
        self.sent += 1;
        let report = format!("{} +34.068930-118.445127 1520023934", client(self.sent));
        let started = Instant::now();
        self.client.get_mut().write_all(format!("IAMAT {report}\n").as_bytes())?;
        let mut last = started;
        for observer in &self.observers {
            last = last.max(observer.sighting_of(self.sent)?);
        }
        let mut answer = String::new();
        self.client.read_line(&mut answer)?;
        anyhow::ensure!(answer.ends_with(&format!(" {report}\n")), "not the answer to the report: {answer}");
        Ok(last - started)
    }
}

fn flood_latency(criterion: &mut Criterion) {
    let herd = HerdToMeasure::start("2015-winter", true).expect("a herd");
    let mut flood = Flood::start(&herd).expect("observers");
    criterion.bench_function("flood_latency/one at a time", |bencher| {
        bencher.iter_custom(|reports| (0..reports).map(|_| flood.once().expect("a flood")).sum());
    });
}

criterion_group!(benches, flood_latency);
criterion_main!(benches);
