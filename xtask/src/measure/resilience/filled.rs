//! Herds with many clients: reports them, and waits until nodes know them.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::ResilienceBench;
use crate::cluster::admin_client;
use crate::cluster::test_herd::TestHerd;
use crate::load::generator::Task;
use crate::load::{Load, Order, Protocol, Summary};

/// The timeout of everything here.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// The time of the first load: on most machines enough to report a million clients once.
const FILL: Duration = Duration::from_secs(15);

/// The time of the longest load.
const LONGEST_FILL: Duration = Duration::from_secs(240);

/// The time between two questions to a node.
const POLL: Duration = Duration::from_millis(10);

/// The time for which nodes must learn nothing to count as silent.
const SILENCE: Duration = Duration::from_secs(1);

/// Reports clients to nodes, and waits until each of them knows all clients. Each load begins with
/// the same clients as the one before, so one that was too short is followed by one that is twice
/// as long.
pub(super) fn fill(bench: &ResilienceBench, herd: &mut TestHerd, names: &[&str], clients: u64) -> Result<()> {
    let nodes = names.iter().map(|name| Ok(herd.member(name)?.client)).collect::<Result<Vec<_>>>()?;
    let mut duration = FILL;
    while number(herd, names[0], "clients")?.is_none_or(|known| known < clients) {
        ensure!(duration <= LONGEST_FILL, "a load of {:?} does not report {clients} clients", duration / 2);
        let load = Load {
            protocol: Protocol::Iamat,
            nodes: nodes.clone(),
            connections: 64,
            depth: 128,
            rate: None,
            clients,
            order: Order::InTurn,
            duration,
            ..Load::default()
        };
        duration *= 2;
        let summary: Summary = bench.generator.perform(&Task::Load { load, live: false })?;
        summary.ensure_all_right()?;
    }
    names.iter().try_for_each(|name| wait_for(herd, name, clients, PATIENCE))?;
    // Reports of clients that all nodes know already may still be in transit.
    wait_until_silent(herd, names)
}

/// Waits until a node knows this number of clients.
pub(super) fn wait_for(herd: &mut TestHerd, name: &str, clients: u64, patience: Duration) -> Result<()> {
    let deadline = Instant::now() + patience;
    while number(herd, name, "clients")?.is_none_or(|known| known < clients) {
        ensure!(Instant::now() < deadline, "{name} does not know {clients} clients after {patience:?}");
        thread::sleep(POLL);
    }
    Ok(())
}

/// Waits until nodes learn no more updates, so that no earlier flood is still in transit.
fn wait_until_silent(herd: &mut TestHerd, names: &[&str]) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut before = None;
    loop {
        let heads = names.iter().map(|name| number(herd, name, "sequence")).collect::<Result<Vec<_>>>()?;
        if before.as_ref() == Some(&heads) && !heads.contains(&None) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the nodes still learn updates after {PATIENCE:?}");
        before = Some(heads);
        thread::sleep(SILENCE);
    }
}

/// Returns a number of a node's status; `None` if its admin port does not answer in time.
pub(super) fn number(herd: &mut TestHerd, name: &str, key: &str) -> Result<Option<u64>> {
    let address = herd.admin(name)?.with_context(|| format!("{name} has ended"))?;
    Ok(admin_client::status(address).ok().and_then(|status| status[key].as_u64()))
}
