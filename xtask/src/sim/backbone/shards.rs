//! Herds whose nodes hold only some shards of the clients.

use herd::node::{MOST_SHARDS, Shards};

use crate::oracle::{Keeps, Persistence};
use crate::sim::backbone::BackboneFaultKind;
use crate::sim::plan::{FaultKind, Plan};

impl Plan {
    /// Divides the clients between the nodes, each of which becomes a region without links. Call it
    /// before the faults of the backbone are drawn.
    ///
    /// Such a node has no neighbours that have what it has not published, so disks lose nothing in
    /// these plans.
    pub(in crate::sim) fn divide(&mut self) {
        self.shards = self.nodes.min(usize::from(MOST_SHARDS)) as u8;
        self.regions = self.nodes;
        self.durability = Persistence::Always;
        self.calm = None;
        self.faults.retain(|fault| {
            matches!(fault.kind, FaultKind::Stop(_) | FaultKind::Crash(..) | FaultKind::Restart(_))
        });
        for fault in &mut self.faults {
            if let FaultKind::Crash(_, keeps) = &mut fault.kind {
                *keeps = Keeps::Disk;
            }
        }
        self.ops.retain(|op| !op.line.starts_with("WHATSAT"));
    }

    /// Keeps disks from losing anything in the faults of the backbone, too.
    pub(in crate::sim) fn keep_disks(&mut self) {
        for fault in &mut self.backbone {
            if let BackboneFaultKind::Away(_, keeps) = &mut fault.kind {
                *keeps = Keeps::Disk;
            }
        }
    }

    /// The shards that a node holds. Two nodes hold each shard.
    pub(in crate::sim) fn shards_of(&self, node: usize) -> Shards {
        if self.shards == 1 {
            return Shards::default();
        }
        let count = usize::from(self.shards);
        let held = format!("{},{}", node % count, (node + 1) % count);
        Shards::parse(&held, self.shards).expect("these are numbers of shards")
    }
}
