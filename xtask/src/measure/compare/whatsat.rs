//! The row of the latency of reports beside waiting questions.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::CompareBench;
use super::figure::{Figure, Goal, GoalBound};
use super::systems::{HerdLayout, System};
use super::throughput::load;
use crate::load::generator::Task;
use crate::load::{Protocol, Summary};

/// The reports a second beside waiting WHATSATs: far fewer than a node can answer, so that latency
/// shows only the waiting.
const BESIDE: f64 = 10_000.0;

/// The number of WHATSATs that wait: the most requests of one node to its Places service.
const QUESTIONS: usize = 64;

fn wait_until_asked(asked: &AtomicUsize, questions: usize) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while asked.load(Ordering::SeqCst) < questions {
        ensure!(Instant::now() < deadline, "the node did not send all requests to the Places service");
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

pub(super) fn beside_whatsat(bench: &CompareBench) -> Result<Vec<Figure>> {
    let title = format!("IAMAT p99 at {BESIDE:.0}/s, alone and beside {QUESTIONS} waiting WHATSATs");
    let mut figure = Figure::new("whatsat", title, "us");
    let system = "beside-whatsat".to_owned();
    figure.goals = vec![Goal { system, against: vec!["alone"], bound: GoalBound::AtMost(1.2) }];
    let slow = TcpListener::bind("127.0.0.1:0").context("cannot listen on 127.0.0.1")?;
    let url = format!("http://{}", slow.local_addr()?);
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    // This service accepts requests and answers none. The thread ends with the process.
    thread::spawn(move || {
        let mut held = Vec::new();
        for stream in slow.incoming().flatten() {
            held.push(stream);
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    for _ in 0..bench.rounds {
        let running = System::HerdWithPlaces(url.clone()).start(bench, HerdLayout::Lone)?;
        for name in ["alone", "beside-whatsat"] {
            let mut waiting = Vec::new();
            if name != "alone" {
                for number in 0..QUESTIONS {
                    let mut stream = TcpStream::connect(running.nodes[0])?;
                    let client = Protocol::client_id(0);
                    // Each has another radius, because equal questions would share a request.
                    stream.write_all(format!("WHATSAT {client} 1.{number:02} 5\n").as_bytes())?;
                    waiting.push(stream);
                }
                wait_until_asked(&asked, QUESTIONS)?;
                asked.store(0, Ordering::SeqCst);
            }
            let mut load = load(bench, &running, 16, 16);
            load.rate = Some(BESIDE);
            let summary: Summary = bench.generator.perform(&Task::Load { load, live: false })?;
            summary.ensure_all_right()?;
            for stream in &waiting {
                stream.set_nonblocking(true)?;
                ensure!(stream.peek(&mut [0]).is_err(), "a WHATSAT did not wait for the Places service");
            }
            figure.add(name, summary.latency.p99, summary.latency.points());
        }
    }
    Ok(vec![figure])
}
