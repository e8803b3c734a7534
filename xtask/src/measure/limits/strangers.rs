//! A stranger who holds every place of each link port, while the nodes start again.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{Bench, Bound, Finding, Pair};

/// One more than a node has places for.
const CONNECTIONS: usize = 33;

/// How long links may take at most.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the stranger goes on after that, for what it does to logs.
const AFTER: Duration = Duration::from_secs(5);

pub(super) fn check(bench: &Bench) -> Result<Vec<Finding>> {
    let mut pair = bench.start_pair("strangers")?;
    let alone = restart(&mut pair)?;
    let ports = [pair.link("Node1")?, pair.link("Node2")?];
    let done = AtomicBool::new(false);
    let (attacked, grown) = thread::scope(|scope| {
        for port in ports {
            scope.spawn({
                let done = &done;
                move || hold(port, done)
            });
        }
        let measured = restart(&mut pair).and_then(|attacked| {
            let before = pair.log_bytes("Node1")?;
            thread::sleep(AFTER);
            Ok((attacked, pair.log_bytes("Node1")? - before))
        });
        done.store(true, Ordering::Relaxed);
        measured
    })?;
    let delay = attacked.saturating_sub(alone).as_secs_f64();
    Ok(vec![
        Finding::new(
            format!(
                "delay of a link after a restart, beside {CONNECTIONS} silent strangers on each link port"
            ),
            delay,
            "s",
            Bound::AtMost(1.0),
        ),
        Finding::new(
            "growth of the log beside them",
            grown as f64 / AFTER.as_secs_f64(),
            "B/s",
            Bound::AtMost(1000.0),
        ),
    ])
}

/// Restarts both nodes; returns how long it takes until they are linked.
fn restart(pair: &mut Pair) -> Result<Duration> {
    pair.0.stop_all()?;
    let before = pair.links_up("Node1")?;
    pair.0.start_all()?;
    let began = Instant::now();
    while pair.links_up("Node1")? == before {
        ensure!(began.elapsed() < PATIENCE, "two nodes were not linked after {PATIENCE:?}");
        thread::sleep(Duration::from_millis(2));
    }
    Ok(began.elapsed())
}

/// Keeps silent connections to a port, and replaces each that is closed.
fn hold(port: SocketAddr, done: &AtomicBool) {
    let mut held: Vec<TcpStream> = Vec::new();
    while !done.load(Ordering::Relaxed) {
        held.retain_mut(|stream| {
            stream.read(&mut [0; 64]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
        });
        while held.len() < CONNECTIONS
            && let Ok(stream) = TcpStream::connect(port)
            && stream.set_nonblocking(true).is_ok()
        {
            held.push(stream);
        }
        thread::sleep(Duration::from_millis(1));
    }
}
