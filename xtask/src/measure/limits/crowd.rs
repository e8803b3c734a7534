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
    let crowded = bench.start("crowd")?;
    let alone = bench.start("crowd-alone")?;
    let address = crowded.address()?;
    let open = || TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"));
    let _idle: Vec<TcpStream> = (0..IDLE).map(|_| open()).collect::<Result<_>>()?;
    let mut dribbling: Vec<TcpStream> = (0..DRIBBLING).map(|_| open()).collect::<Result<_>>()?;
    // Connections are accepted in order, so after this answer the node has accepted all of them.
    ask(&mut open()?)?;
    let done = AtomicBool::new(false);
    let ratio = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for stream in &mut dribbling {
                    // The node closes a connection whose line is incomplete for too long. Another
                    // one takes its place.
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
        "IAMAT p99 with {IDLE} idle and {DRIBBLING} dribbling clients, relative to a node without them at \
         the same time"
    );
    Ok(vec![Finding::new(what, ratio, "x", Bound::AtMost(2.0))])
}
