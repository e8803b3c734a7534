//! What faults need, and which of them are possible.

use anyhow::{Result, bail};
use herd::config::Herd;
use strum::VariantArray;

use super::FaultName;
use crate::chaos::{open_files, small_disks};
use crate::oracle::Persistence;

/// What a run has that faults may need.
#[derive(Clone, Copy, Debug)]
pub struct Available<'a> {
    /// The herd.
    pub herd: &'a Herd,
    /// Whether servers of the backbone join its nodes.
    pub has_servers: bool,
    /// Whether there is another program for its nodes.
    pub has_former: bool,
    /// Whether and when records are on disk.
    pub durability: Persistence,
}

impl Available<'_> {
    /// Returns what this machine or this herd lacks for a fault, and what to do; `None` if the
    /// fault is possible.
    fn lacks_for(&self, fault: FaultName) -> Option<&'static str> {
        let members = &self.herd.members;
        let has_links = members.iter().any(|member| !member.neighbours.is_empty());
        let has_shards = members.iter().any(|member| member.holds.is_some());
        match fault {
            FaultName::ShardMove if !has_shards => Some("--shards"),
            name if name.is_of_backbone() && !self.has_servers => Some("--backbone or --shards"),
            FaultName::Upgrade if !self.has_former => Some("--former"),
            FaultName::DiskFull if self.durability == Persistence::Memory => {
                Some("nodes with a disk: choose another durability")
            }
            FaultName::DiskFull if !small_disks::can_be_mounted() => {
                Some("root, to mount a small disk for each node")
            }
            FaultName::NoFiles if !open_files::can_be_limited() => Some("prlimit, from util-linux"),
            name if name.is_of_links() && !has_links => Some("a herd with links"),
            _ => None,
        }
    }
}

/// Returns the faults that are possible: those that were `asked` for, or all if none was. Also
/// returns the reason for each fault that is left out.
///
/// # Errors
/// A fault that was asked for is not possible. The message has the reason.
pub fn possible_faults(
    asked: &[FaultName],
    available: &Available<'_>,
) -> Result<(Vec<FaultName>, Vec<String>)> {
    let mut possible = Vec::new();
    let mut left_out = Vec::new();
    for name in FaultName::VARIANTS {
        let Some(need) = available.lacks_for(*name) else {
            possible.push(*name);
            continue;
        };
        let message = format!("{name} needs {need}");
        if asked.contains(name) {
            bail!("{message}");
        }
        left_out.push(message);
    }
    if asked.is_empty() {
        return Ok((possible, left_out));
    }
    possible.retain(|name| asked.contains(name));
    Ok((possible, Vec::new()))
}
