//! A herd for one test or measurement.

use std::ops::{Deref, DerefMut};

use anyhow::Result;

use super::herd_file::HerdFile;
use super::ports::PortBlock;
use super::processes::Processes;

/// A herd on its own ports. Its nodes end, and its ports become free, when it is dropped.
///
/// It gives access to its [`Processes`], which start and stop its nodes.
#[derive(Debug)]
pub struct TestHerd {
    // Fields are dropped in this order: the ports must not become free before the nodes have ended.
    processes: Processes,
    _ports: PortBlock,
}

impl TestHerd {
    /// Takes two ports for each node of `file`, and has `prepare` make the processes from the herd
    /// file at these ports. `prepare` also gets the first port, which no other herd has meanwhile: it
    /// makes a folder name unique. No node runs yet.
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
