//! Holds more idle connections on the admin port than a node may have open files.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Bound, Finding, LimitsBench, ask, limit_files};
use crate::cluster::admin_client;

/// The node's limit of open files.
const FILES: usize = 400;

/// The number of idle connections.
const IDLE: usize = 420;

/// The number of measurements of each latency.
const PROBES: usize = 20;

/// The timeout of everything here.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn check_admins(bench: &LimitsBench) -> Result<Vec<Finding>> {
    let mut pair = bench.start_pair("admins")?;
    let address = pair.address("Node1")?;
    let admin_address = pair.admin("Node1")?;
    limit_files(pair.0.pid("Node1")?.context("Node1 has ended")?, FILES)?;
    let idle: Vec<TcpStream> =
        (0..IDLE).map(|_| TcpStream::connect(admin_address)).collect::<std::io::Result<_>>()?;
    let health = slowest(|| admin_client::get(admin_address, "/healthz").map(drop)).context("/healthz")?;
    let client = slowest(|| ask_new(address)).context("new clients")?;
    let before = pair.links_up("Node1")?;
    pair.0.stop(&["Node2".to_owned()])?;
    pair.0.start(&["Node2".to_owned()])?;
    let began = Instant::now();
    while pair.links_up("Node1")? == before {
        ensure!(began.elapsed() < PATIENCE, "Node1 and Node2 were not linked after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
    let linked = began.elapsed();
    drop(idle);
    let beside = format!("with {IDLE} idle connections on the admin port and a limit of {FILES} open files");
    Ok(vec![
        Finding::new(
            format!("{beside}: slowest `/healthz`"),
            milliseconds(health),
            "ms",
            Bound::AtMost(100.0),
        ),
        Finding::new(
            format!("{beside}: slowest first answer to a new client"),
            milliseconds(client),
            "ms",
            Bound::AtMost(100.0),
        ),
        Finding::new(
            format!("{beside}: time until a restarted neighbour is linked"),
            linked.as_secs_f64(),
            "s",
            Bound::AtMost(1.0),
        ),
    ])
}

fn slowest(mut probe: impl FnMut() -> Result<()>) -> Result<Duration> {
    let mut slowest = Duration::ZERO;
    for _ in 0..PROBES {
        let began = Instant::now();
        probe()?;
        slowest = slowest.max(began.elapsed());
    }
    Ok(slowest)
}

fn ask_new(node: SocketAddr) -> Result<()> {
    ask(&mut TcpStream::connect_timeout(&node, PATIENCE)?).map(drop)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
