//! The regions of a plan: each is a herd, and there are no links between them.

use std::ops::Range;

use crate::sim::plan::Plan;

/// The number of nodes of each region that read the stream: the first ones, as by default.
const READERS: usize = 2;

impl Plan {
    /// The nodes of a region.
    pub(in crate::sim) fn members(&self, region: usize) -> Range<usize> {
        region * self.nodes / self.regions..(region + 1) * self.nodes / self.regions
    }

    /// The region of a node.
    pub(in crate::sim) fn region_of(&self, node: usize) -> usize {
        (0..self.regions).find(|region| self.members(*region).contains(&node)).unwrap_or_default()
    }

    /// The links of all regions.
    pub(in crate::sim) fn edges(&self) -> Vec<(usize, usize)> {
        let of_region = |region| {
            let members = self.members(region);
            let edges = self.graph.edges(members.len()).into_iter();
            edges.map(move |(low, high)| (members.start + low, members.start + high))
        };
        (0..self.regions).flat_map(of_region).collect()
    }

    /// The number of nodes of the largest region.
    pub(in crate::sim) fn largest_region(&self) -> usize {
        (0..self.regions).map(|region| self.members(region).len()).max().unwrap_or_default()
    }

    /// Returns whether a node reads the stream.
    pub(in crate::sim) fn is_reader(&self, node: usize) -> bool {
        self.regions > 1 && node - self.members(self.region_of(node)).start < READERS
    }

    /// The number of nodes at which an update enters besides the one that received it. The backbone
    /// may be quicker than a link even in the same region.
    pub(in crate::sim) fn entries(&self) -> usize {
        if self.regions > 1 { READERS * self.regions } else { 0 }
    }
}
