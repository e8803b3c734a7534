//! Ports for herds whose nodes restart on the same ports.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;

/// The range that ports are taken from. It lies below the ports that the system gives to outgoing
/// connections, so that these never take one.
const PORTS: Range<u16> = 20_000..30_000;

/// The number of ports that one lock file stands for.
const BLOCK: u16 = 20;

/// Consecutive free ports on loopback, reserved until dropped. Lock files reserve them among the
/// processes that use this type. Other programs were not using them when they were taken.
#[derive(Debug)]
pub struct PortBlock {
    first: u16,
    _locks: Vec<File>,
}

impl PortBlock {
    /// Takes `count` consecutive ports.
    ///
    /// # Errors
    /// There are not enough free ports, or the system's folder for temporary files cannot be
    /// written.
    pub fn take(count: u16) -> Result<PortBlock> {
        let folder = std::env::temp_dir().join(format!("herd-ports-{}", Uid::current()));
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let blocks = count.div_ceil(BLOCK);
        for first in PORTS.step_by(usize::from(BLOCK)) {
            if PORTS.end - first < blocks * BLOCK {
                break;
            }
            let starts = (0..blocks).map(|block| first + block * BLOCK);
            let locks = starts.map(|start| {
                let file = File::create(folder.join(format!("{start}.lock")))?;
                file.try_lock().map_err(|_| std::io::Error::from(ErrorKind::WouldBlock)).map(|()| file)
            });
            let Ok(locks) = locks.collect::<std::io::Result<Vec<File>>>() else { continue };
            if (first..first + count).all(|port| is_free((Ipv4Addr::LOCALHOST, port))) {
                return Ok(PortBlock { first, _locks: locks });
            }
        }
        let (first, last) = (PORTS.start, PORTS.end - 1);
        bail!("no {count} consecutive ports of {first}-{last} are free: stop what listens there");
    }

    /// Returns the first of the ports.
    pub fn first(&self) -> u16 {
        self.first
    }
}

/// Returns whether no program listens at an address of this machine.
pub fn is_free(address: impl Into<SocketAddr>) -> bool {
    TcpListener::bind(address.into()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_taken_at_once_do_not_overlap() {
        let blocks: Vec<PortBlock> = [10, 30, 1].map(|count| PortBlock::take(count).unwrap()).into();
        let mut ports: Vec<u16> = blocks
            .iter()
            .zip([10, 30, 1])
            .flat_map(|(block, count)| block.first()..block.first() + count)
            .collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 41);
        assert!(ports.iter().all(|port| PORTS.contains(port)));
    }

    #[test]
    fn a_port_in_use_is_skipped() {
        let block = PortBlock::take(BLOCK).unwrap();
        let first = block.first();
        drop(block);
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, first));
        assert_ne!(PortBlock::take(BLOCK).unwrap().first(), first);
    }
}
