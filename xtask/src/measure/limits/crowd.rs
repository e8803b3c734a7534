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
    let (crowded, alone) = (bench.start("crowd")?, bench.start("crowd-alone")?);
    let address = crowded.address()?;
    let open = || TcpStream::connect(address).context("the node refused a client");
    let _idle: Vec<TcpStream> = (0..IDLE).map(|_| open()).collect::<Result<_>>()?;
    let mut dribbling: Vec<TcpStream> = (0..DRIBBLING).map(|_| open()).collect::<Result<_>>()?;
    // Connections are accepted in order. Until this one is, the node is busy with those before it.
    ask(&mut open()?)?;
    let done = AtomicBool::new(false);
    let ratio = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for stream in &mut dribbling {
                    // The node closes a connection whose line takes too long. Another one takes its place.
                    if stream.write_all(b"x").is_err()
                        && let Ok(next) = open()
                    {
                        *stream = next;
                    }
                    thread::sleep(Duration::from_secs(1) / DRIBBLING as u32);
                }
            }
        });
        let ratio = bench.p99_ratio(&crowded, &alone);
        done.store(true, Ordering::Relaxed);
        ratio
    })?;
    let what = format!(
        "IAMAT p99 with {IDLE} idle and {DRIBBLING} dribbling clients, against a node without them at the same time"
    );
    Ok(vec![Finding::new(what, ratio, "x", Bound::AtMost(2.0))])
}
