//! A herd for one test or measurement.

use std::ops::{Deref, DerefMut};

use anyhow::Result;

use super::herd_file::HerdFile;
use super::ports::PortBlock;
use super::processes::Processes;

/// A herd on its own ports. When it is dropped, its nodes are killed and its ports become free.
///
/// It dereferences to its [`Processes`], which start and stop its nodes.
#[derive(Debug)]
pub struct TestHerd {
    // Fields are dropped in this order: the ports must not become free before the nodes have
    // exited.
    processes: Processes,
    _ports: PortBlock,
}

impl TestHerd {
    /// Takes two ports for each node of `file`, and calls `prepare` with the herd file at these
    /// ports and the first port. No other herd has that port at the same time, so it makes a folder
    /// name unique. No node runs yet.
    ///
    /// # Errors
    /// There are not enough free ports, or `prepare` fails.
    pub fn new(
        file: &HerdFile,
        prepare: impl FnOnce(HerdFile, u16) -> Result<Processes>,
    ) -> Result<TestHerd> {
        let ports = PortBlock::take(2 * u16::try_from(file.herd().members.len())?)?;
        let processes = prepare(file.at_ports(ports.first())?, ports.first())?;
        Ok(TestHerd { processes, _ports: ports })
    }
}

impl Deref for TestHerd {
    type Target = Processes;

    fn deref(&self) -> &Processes {
        &self.processes
    }
}

impl DerefMut for TestHerd {
    fn deref_mut(&mut self) -> &mut Processes {
        &mut self.processes
    }
}
