//! Lets a node run out of open files.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Bound, Finding, LimitsBench, ask, limit_files};
use crate::cluster::proc_usage::cpu_seconds;

/// The number of files that the node may open in addition to those it has open.
const SPARE: usize = 20;

/// The number of clients that connect.
const CLIENTS: usize = 200;

/// The time for which the node is measured.
const WATCHED: Duration = Duration::from_secs(3);

pub(super) fn check_files(bench: &LimitsBench) -> Result<Vec<Finding>> {
    let mut node = bench.start("files")?;
    let pid = node.pid()?;
    let address = node.address()?;
    let mut before = TcpStream::connect(address)?;
    ask(&mut before)?;
    let open = std::fs::read_dir(format!("/proc/{pid}/fd"))?.count();
    limit_files(pid, open + SPARE)?;
    let crowd: Vec<TcpStream> =
        (0..CLIENTS).map(|_| TcpStream::connect(address)).collect::<std::io::Result<_>>()?;
    let cpu = cpu_seconds(pid)?;
    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    while began.elapsed() < WATCHED {
        slowest = slowest.max(ask(&mut before)?);
        thread::sleep(Duration::from_millis(50));
    }
    let share = 100.0 * (cpu_seconds(pid)? - cpu) / began.elapsed().as_secs_f64();
    drop(crowd);
    let began = Instant::now();
    ask(&mut TcpStream::connect(address)?)?;
    let recovered = began.elapsed();
    Ok(vec![
        Finding::new("out of files: share of a core", share, "%", Bound::AtMost(5.0)),
        Finding::new(
            "out of files: slowest answer to a connected client",
            slowest.as_secs_f64() * 1e3,
            "ms",
            Bound::AtMost(100.0),
        ),
        Finding::new(
            "with free files again: time until a new client is answered",
            recovered.as_secs_f64(),
            "s",
            Bound::AtMost(1.0),
        ),
    ])
}
