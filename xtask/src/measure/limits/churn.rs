//! Connects clients that disconnect at once.

use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};

use super::{Bound, Finding, LimitsBench};
use crate::cluster::proc_usage::resident_bytes;

/// The connections a second.
const RATE: u32 = 10_000;

pub(super) fn check_churn(bench: &LimitsBench) -> Result<Vec<Finding>> {
    let mut node = bench.start("churn")?;
    let pid = node.pid()?;
    let address = node.address()?;
    let alone = bench.start("churn-alone")?;
    // The first load makes the node allocate what it needs for clients at all.
    bench.p99(&node)?;
    let before = resident_bytes(pid)?;
    let done = AtomicBool::new(false);
    let made = AtomicU64::new(0);
    let began = Instant::now();
    let beside = thread::scope(|scope| {
        let churn = scope.spawn(|| -> Result<()> {
            while !done.load(Ordering::Relaxed) {
                let due = began + Duration::from_secs(1) / RATE * made.load(Ordering::Relaxed) as u32;
                thread::sleep(due.saturating_duration_since(Instant::now()));
                come_and_go(address)?;
                made.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
        let beside = bench.p99_ratio(&node, &alone);
        done.store(true, Ordering::Relaxed);
        churn.join().map_err(|_| anyhow::anyhow!("the thread that connects has panicked"))??;
        beside
    })?;
    let rate = made.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    let grown = (resident_bytes(pid)? - before) / 1e6;
    Ok(vec![
        Finding::new("connections made and reset", rate, "/s", Bound::AtLeast(0.9 * f64::from(RATE))),
        Finding::new(
            "IAMAT p99, relative to a node without them at the same time",
            beside,
            "x",
            Bound::AtMost(10.0),
        ),
        Finding::new("growth of memory", grown, "MB", Bound::AtMost(8.0)),
    ])
}

/// Connects, and resets the connection. A connection that is closed would keep its port for a
/// minute.
fn come_and_go(address: SocketAddr) -> Result<()> {
    let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
    setsockopt(&stream, sockopt::Linger, &libc::linger { l_onoff: 1, l_linger: 0 })?;
    Ok(())
}
