//! Holds all places for unknown connections on each link port while the nodes restart.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{Bound, Finding, LimitsBench, LinkedPair};

/// The number of connections: one more than a node admits.
const CONNECTIONS: usize = 33;

/// The timeout until two nodes are linked.
const PATIENCE: Duration = Duration::from_secs(30);

/// The time for which the connections are held after that, to measure the growth of the log.
const AFTER: Duration = Duration::from_secs(5);

pub(super) fn check_strangers(bench: &LimitsBench) -> Result<Vec<Finding>> {
    let mut pair = bench.start_pair("strangers")?;
    let alone = restart(&mut pair)?;
    let ports = [pair.link("Node1")?, pair.link("Node2")?];
    let done = AtomicBool::new(false);
    let (attacked, grown) = thread::scope(|scope| {
        for port in ports {
            scope.spawn({
                let done = &done;
                move || hold_connections(port, done)
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
                "delay of a link after a restart, with {CONNECTIONS} silent connections on each link port"
            ),
            delay,
            "s",
            Bound::AtMost(1.0),
        ),
        Finding::new(
            "growth of the log with these connections",
            grown as f64 / AFTER.as_secs_f64(),
            "B/s",
            Bound::AtMost(1000.0),
        ),
    ])
}

/// Restarts both nodes, and returns the time until they are linked.
fn restart(pair: &mut LinkedPair) -> Result<Duration> {
    pair.0.stop_all()?;
    let before = pair.links_up("Node1")?;
    pair.0.start_all()?;
    let began = Instant::now();
    while pair.links_up("Node1")? == before {
        ensure!(began.elapsed() < PATIENCE, "Node1 and Node2 were not linked after {PATIENCE:?}");
        thread::sleep(Duration::from_millis(2));
    }
    Ok(began.elapsed())
}

/// Holds silent connections to a port, and replaces each that is closed.
fn hold_connections(port: SocketAddr, done: &AtomicBool) {
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
