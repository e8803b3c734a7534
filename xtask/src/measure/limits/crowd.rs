//! As many connections as a node takes, most of them idle, the others sending a byte now and then.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Bench, Bound, Finding, ask};

const IDLE: usize = 9_000;

/// Each begins a line, and goes on with a byte a second.
const DRIBBLING: usize = 900;

pub(super) fn check(bench: &Bench) -> Result<Vec<Finding>> {
    let node = bench.start("crowd")?;
    let address = node.address()?;
    let alone = bench.p99(&node)?;
    let open = || TcpStream::connect(address).context("a client is not taken");
    let _idle: Vec<TcpStream> = (0..IDLE).map(|_| open()).collect::<Result<_>>()?;
    let mut dribbling: Vec<TcpStream> = (0..DRIBBLING).map(|_| open()).collect::<Result<_>>()?;
    // Connections are accepted in order. Until this one is, the node is busy with those before it.
    ask(&mut open()?)?;
    let done = AtomicBool::new(false);
    let crowded = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for stream in &mut dribbling {
                    // One that the node has closed has begun a line for longer than it may.
                    let _ = stream.write_all(b"x");
                    thread::sleep(Duration::from_secs(1) / DRIBBLING as u32);
                }
            }
        });
        let crowded = bench.p99(&node);
        done.store(true, Ordering::Relaxed);
        crowded
    })?;
    let what =
        format!("IAMAT p99 with {IDLE} idle and {DRIBBLING} dribbling clients, against {alone:.0} us alone");
    Ok(vec![Finding::new(what, crowded / alone, "x", Bound::AtMost(2.0))])
}
