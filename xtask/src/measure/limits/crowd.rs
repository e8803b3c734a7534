//! Opens almost as many connections as a node admits, most of them idle, the others dribbling
//! bytes.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Bound, Finding, LimitsBench, ask};

/// The number of idle connections.
const IDLE: usize = 9_000;

/// The number of connections that send a byte of a line each second.
const DRIBBLING: usize = 900;

pub(super) fn check_crowd(bench: &LimitsBench) -> Result<Vec<Finding>> {
    let node = bench.start("crowd")?;
    let address = node.address()?;
    let alone = bench.p99(&node)?;
    let open = || TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"));
    let _idle: Vec<TcpStream> = (0..IDLE).map(|_| open()).collect::<Result<_>>()?;
    let mut dribbling: Vec<TcpStream> = (0..DRIBBLING).map(|_| open()).collect::<Result<_>>()?;
    // Connections are accepted in order, so after this answer the node has accepted all of them.
    ask(&mut open()?)?;
    let done = AtomicBool::new(false);
    let crowded = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for stream in &mut dribbling {
                    // The node closes a connection whose line is incomplete for too long.
                    let _ = stream.write_all(b"x");
                    thread::sleep(Duration::from_secs(1) / DRIBBLING as u32);
                }
            }
        });
        let crowded = bench.p99(&node);
        done.store(true, Ordering::Relaxed);
        crowded
    })?;
    let what = format!(
        "IAMAT p99 with {IDLE} idle and {DRIBBLING} dribbling clients, relative to {alone:.0} us alone"
    );
    Ok(vec![Finding::new(what, crowded / alone, "x", Bound::AtMost(2.0))])
}
