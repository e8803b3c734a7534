//! Rows of latencies.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::figure::{Bound, Figure, Goal};
use super::systems::{Layout, System};
use super::throughput::load;
use super::{Bench, HERD, interleave, peers_called};
use crate::load::flood::{self, Flood};
use crate::load::generator::Task;
use crate::load::{Protocol, Summary};

/// Reports a second beside waiting questions: well below what a node can take, so that only waiting shows.
const BESIDE: f64 = 10_000.0;

/// Questions that wait at once: as many as one node asks upstream.
const QUESTIONS: usize = 64;

pub(super) fn flood(bench: &Bench) -> Result<Vec<Figure>> {
    let (twisted, missing) = peers_called(&["twisted"]);
    let others = [System::RedisChannel, System::Nats];
    let mut figures = Vec::new();
    for rate in [None, Some(10_000.0), Some(50_000.0)] {
        let title = rate.map_or("one at a time".to_owned(), |rate| format!("at {rate:.0}/s"));
        let systems = [HERD].into_iter().chain(others.clone());
        // Beyond 10,000/s a node on Twisted only falls behind.
        let systems: Vec<System> = systems
            .chain(twisted.iter().filter(|_| rate.is_none_or(|rate| rate <= 10_000.0)).cloned())
            .collect();
        let [mut p50, mut p99] = ["p50", "p99"]
            .map(|name| Figure::new("flood-latency", format!("flood latency {title}, {name}"), "us"));
        p50.missing.clone_from(&missing);
        if rate.is_none() {
            p50.goals = vec![
                Goal::of_herd(&["redis-pubsub"], Bound::AtMost(1.1)),
                Goal::of_herd(&["nats"], Bound::AtMost(0.55)),
                Goal::of_herd(&["twisted"], Bound::AtMost(0.3)),
            ];
        } else {
            p50.goals = vec![Goal::of_herd(&["redis-pubsub"], Bound::AtMost(0.9))];
            p99.goals = vec![Goal::of_herd(&["redis-pubsub"], Bound::AtMost(1.0))];
        }
        interleave(bench, &mut p50, &systems, |system| {
            let outcome = flood_once(bench, system, rate)?;
            (bench.progress)(&format!("  sent at most {:.0} us late", outcome.latest));
            p99.add(system.name(), outcome.latency.p99, Vec::new());
            Ok((outcome.latency.p50, outcome.latency.points()))
        })?;
        figures.extend([p50, p99]);
    }
    Ok(figures)
}

/// Updates at one node for a round, watched at the other four.
pub(super) fn flood_once(bench: &Bench, system: &System, rate: Option<f64>) -> Result<flood::FloodOutcome> {
    let running = system.start(bench, Layout::FiveWatched)?;
    let watchers = running.watchers.clone();
    let flood = Flood { sender: running.sender, watchers, rate, duration: bench.round };
    bench.generator.perform(&Task::Flood(flood))
}

fn wait_until_asked(asked: &AtomicUsize, questions: usize) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while asked.load(Ordering::SeqCst) < questions {
        ensure!(Instant::now() < deadline, "not all WHATSATs were asked upstream");
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

pub(super) fn beside_whatsat(bench: &Bench) -> Result<Vec<Figure>> {
    let title = format!("IAMAT p99 at {BESIDE:.0}/s, alone and beside {QUESTIONS} waiting WHATSATs");
    let mut figure = Figure::new("whatsat", title, "us");
    let system = "beside-whatsat".to_owned();
    figure.goals = vec![Goal { system, against: vec!["alone"], bound: Bound::AtMost(1.2) }];
    let slow = TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
    let url = format!("http://{}", slow.local_addr()?);
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    // Takes requests and answers none. The thread ends with the process.
    thread::spawn(move || {
        let mut held = Vec::new();
        for stream in slow.incoming().flatten() {
            held.push(stream);
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    for _ in 0..bench.rounds {
        let running = System::HerdAsking(url.clone()).start(bench, Layout::Lone)?;
        for name in ["alone", "beside-whatsat"] {
            let mut waiting = Vec::new();
            if name != "alone" {
                for number in 0..QUESTIONS {
                    let mut stream = TcpStream::connect(running.nodes[0])?;
                    let client = Protocol::client_id(0);
                    // Each with another radius: equal questions would share a request.
                    stream.write_all(format!("WHATSAT {client} 1.{number:02} 5\n").as_bytes())?;
                    waiting.push(stream);
                }
                wait_until_asked(&asked, QUESTIONS)?;
                asked.store(0, Ordering::SeqCst);
            }
            let mut load = load(bench, &running, 16, 16);
            load.rate = Some(BESIDE);
            let summary: Summary = bench.generator.perform(&Task::Load { load, live: false })?;
            ensure!(summary.wrong == 0, "{} answers were wrong", summary.wrong);
            for stream in &waiting {
                stream.set_nonblocking(true)?;
                ensure!(stream.peek(&mut [0]).is_err(), "a WHATSAT was answered: it did not wait");
            }
            figure.add(name, summary.latency.p99, summary.latency.points());
        }
    }
    Ok(vec![figure])
}
