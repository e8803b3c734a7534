//! The nodes of a guest, as the player of sessions sees them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use crate::conformance::herd::{GuestHerd, StartFailure};
use crate::session::roles::Nodes;

/// The time limit for a node to stop.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// A running guest.
pub(super) struct GuestNodes {
    herd: GuestHerd,
    /// The nodes that a session has stopped or killed.
    down: BTreeSet<String>,
}

impl GuestNodes {
    pub(super) fn new(herd: GuestHerd) -> GuestNodes {
        GuestNodes { herd, down: BTreeSet::new() }
    }
}

impl Nodes for GuestNodes {
    fn names(&self) -> Vec<String> {
        self.herd.names().to_vec()
    }

    /// Fails if the node has ended by itself.
    fn address_if_up(&mut self, name: &str) -> Result<Option<SocketAddr>> {
        if self.down.contains(name) {
            return Ok(None);
        }
        match self.herd.exit_of(name) {
            None => Ok(Some(self.herd.address(name))),
            Some(exit) => bail!("{}", with_last_words(format!("{name} {}", exit.words), &exit.stderr)),
        }
    }

    fn stop(&mut self, names: &[String]) -> Result<()> {
        for name in names {
            let stopped = self.herd.stop(name, STOP_WITHIN)?;
            let has_ended = stopped.exit.is_some() && stopped.left == 0;
            ensure!(has_ended, "{name} did not end within {} s of its stop signal", STOP_WITHIN.as_secs());
            self.down.insert(name.clone());
        }
        Ok(())
    }

    fn kill(&mut self, names: &[String]) -> Result<()> {
        for name in names {
            self.herd.kill(name)?;
            self.down.insert(name.clone());
        }
        Ok(())
    }

    fn start(&mut self, names: &[String]) -> Result<()> {
        for name in names.iter().filter(|name| self.down.contains(*name)) {
            self.herd.restart(name).map_err(|failure| start_error(&failure))?;
        }
        self.down.retain(|name| !names.contains(name));
        Ok(())
    }
}

/// Returns the error for a herd that does not start.
pub(super) fn start_error(failure: &StartFailure) -> anyhow::Error {
    anyhow::Error::msg(with_last_words(failure.to_string(), &failure.last_words))
}

fn with_last_words(what: String, last_words: &str) -> String {
    match last_words.trim_end() {
        "" => what,
        last_words => format!("{what}:\n{last_words}"),
    }
}
