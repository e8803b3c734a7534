//! A neighbour of one node that only watches: it costs the node a link, and asks it nothing.

use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use xtask::cluster::herd_file::observer_of;

use crate::HerdToMeasure;

/// How long an update may take to be seen.
const SEEN: Duration = Duration::from_secs(10);

/// Sees each update that a node passes on.
#[derive(Debug)]
pub struct Observer {
    /// The numbers of updates, and when each was seen.
    sightings: Receiver<(usize, Instant)>,
}

impl Observer {
    /// Links with a node of a herd that was started with observers, and waits until the link is in sync.
    ///
    /// # Errors
    /// The node cannot be reached, or ends the link.
    pub fn of(herd: &HerdToMeasure, node: &str) -> Result<Observer> {
        let mut watcher = herd.watch(node, &observer_of(node))?.begin()?;
        let (sender, sightings) = mpsc::channel();
        thread::spawn(move || {
            watcher.watch(|update| {
                // The bench may have ended before. And when the link ends, so does the channel.
                let _ = sender.send((update, Instant::now()));
            })
        });
        Ok(Observer { sightings })
    }

    /// Waits until an update of [`client`](xtask::load::flood::client) has been seen, and says when that was.
    ///
    /// # Errors
    /// The link has ended, or nothing came for ten seconds.
    pub fn sighting_of(&self, update: usize) -> Result<Instant> {
        loop {
            let (seen, at) = self.sightings.recv_timeout(SEEN).context("the update was not seen")?;
            if seen == update {
                return Ok(at);
            }
        }
    }
}
