//! An observer: a neighbour of one node that only reads the node's updates.

use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use xtask::cluster::herd_file::observer_of;

use crate::HerdToMeasure;

/// The timeout until an update is seen.
const SEEN: Duration = Duration::from_secs(10);

/// An observer of a node. It sees each update that the node passes on.
#[derive(Debug)]
pub struct Observer {
    /// The numbers of updates, and the time at which each was seen.
    sightings: Receiver<(usize, Instant)>,
}

impl Observer {
    /// Connects to a node of a herd that was started with
    /// [`start_observed`](HerdToMeasure::start_observed), and waits until the link is in sync.
    ///
    /// # Errors
    /// The node cannot be reached, or ends the link.
    pub fn of(herd: &HerdToMeasure, node: &str) -> Result<Observer> {
        let mut watcher = herd.watch(node, &observer_of(node))?.begin()?;
        let (sender, sightings) = mpsc::channel();
        thread::spawn(move || {
            watcher.watch(|update| {
                // Sending fails if the bench has ended. The channel closes when the link ends.
                let _ = sender.send((update, Instant::now()));
            })
        });
        Ok(Observer { sightings })
    }

    /// Waits until an update of [`client`](xtask::load::flood::client) has been seen, and returns
    /// the time at which it was seen.
    ///
    /// # Errors
    /// The link has ended, or no update arrived for ten seconds.
    pub fn sighting_of(&self, update: usize) -> Result<Instant> {
        loop {
            let sighting = self.sightings.recv_timeout(SEEN);
            let (seen, at) = sighting.with_context(|| format!("update {update} was not seen"))?;
            if seen == update {
                return Ok(at);
            }
        }
    }
}
