//! I1: no acknowledged update is lost: in the end every node knows it or a later one of its client,
//! and a node with a disk would still know it after a restart.

use crate::oracle::facts::Facts;
use crate::oracle::history::{Keeps, Source};
use crate::oracle::update::Update;

/// The time in which a live node without faults passes an update on, in microseconds.
const PASSED_ON: u64 = 1_000_000;

/// The time after a fault until all links are up again, in microseconds.
const SETTLES: u64 = 5_000_000;

pub(super) fn lost_updates(facts: &Facts<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for missing in missing(facts).filter(|missing| !missing.is_excused(facts)) {
        let node = facts.name(missing.at_node);
        let instead = facts.known[missing.at_node].get(missing.update.client);
        let instead = instead.map_or("nothing", |update| update.line);
        found.push(format!("acknowledged and lost: {node} knows {instead}, not {}", missing.update.line));
    }
    for (node, ending) in facts.history.endings.iter().enumerate() {
        for line in &ending.not_on_disk {
            found.push(format!("not on the disk of {} in the end: {line}", facts.name(node)));
        }
    }
    found
}

/// The number of acknowledged updates that are missing and were allowed to get lost.
pub(in crate::oracle) fn excused(facts: &Facts<'_>) -> usize {
    let mut lines: Vec<&str> = missing(facts)
        .filter(|missing| missing.is_excused(facts))
        .map(|missing| missing.update.line)
        .collect();
    lines.sort_unstable();
    lines.dedup();
    lines.len()
}

/// An acknowledged update that a node does not know in the end.
struct Missing<'a> {
    acknowledged_by: usize,
    /// The time at which the client sent the update. The node may have ended between this time and
    /// the answer.
    sent_at: u64,
    acknowledged_at: u64,
    update: Update<'a>,
    at_node: usize,
}

fn missing<'a>(facts: &'a Facts<'_>) -> impl Iterator<Item = Missing<'a>> {
    let left = |(op, at, update)| Some((op, at, facts.left_of(update, u64::MAX)?));
    facts.acknowledged().filter_map(left).flat_map(|(op, at, update)| {
        facts.known.iter().enumerate().filter_map(move |(node, known)| {
            let is_there = known.get(update.client).is_some_and(|known| update.is_superseded_by(known));
            (!is_there).then_some(Missing {
                acknowledged_by: op.node,
                sent_at: op.invoked,
                acknowledged_at: at,
                update,
                at_node: node,
            })
        })
    })
}

impl Missing<'_> {
    /// Returns whether every node that knew the update, or a later one, was allowed to forget it.
    fn is_excused(&self, facts: &Facts<'_>) -> bool {
        match facts.history.setting.source {
            Source::Simulation => self.last_copy_may_be_lost(facts),
            Source::Processes => self.may_not_have_been_passed_on(facts),
        }
    }

    /// The exact answer, for simulations: they see all nodes.
    fn last_copy_may_be_lost(&self, facts: &Facts<'_>) -> bool {
        facts.last_copies.iter().any(|copy| {
            copy.update.client == self.update.client
                && self.update.is_superseded_by(&copy.update)
                && facts.may_have_forgotten(copy.node, copy.since, copy.at)
        })
    }

    /// An approximation for processes, which are seen from outside only: the node that acknowledged
    /// the update forgot it, and may not have been able to pass it on before. (Other nodes that had
    /// the update may have forgotten it as well. The update is lost only if all of them did, and
    /// nodes with a disk do not forget.)
    fn may_not_have_been_passed_on(&self, facts: &Facts<'_>) -> bool {
        let ends = facts.ends[self.acknowledged_by].iter();
        // A damaged disk is not an excuse, because the neighbours know the lost updates.
        let mut ends = ends.filter(|(at, keeps)| *at >= self.sent_at && *keeps != Keeps::Damaged);
        ends.any(|(at, keeps)| {
            facts.may_have_forgotten(self.acknowledged_by, self.sent_at, *at)
                && (at.saturating_sub(self.acknowledged_at) < PASSED_ON
                    || self.was_hindered(facts, *at, *keeps)
                    || *keeps == Keeps::Synced)
                && !(*keeps == Keeps::Nothing && self.was_known_everywhere(facts, *at))
        })
    }

    /// Returns whether a check before `end` found that all nodes knew the update. The nodes of
    /// another region have not lost it then.
    fn was_known_everywhere(&self, facts: &Facts<'_>, end: u64) -> bool {
        facts.converged.iter().any(|(at, since)| *at <= end && self.acknowledged_at < *since)
    }

    /// Returns whether there was a fault between the acknowledgement and the end of the node. The
    /// fault that lost the node's disk hinders nothing before it.
    fn was_hindered(&self, facts: &Facts<'_>, end: u64, keeps: Keeps) -> bool {
        let hinders =
            |from: u64, until: u64| from <= end && until.saturating_add(SETTLES) >= self.acknowledged_at;
        let own = facts.faults.iter().find(|fault| {
            let concerns = fault.nodes.contains(&self.acknowledged_by);
            keeps == Keeps::Nothing && concerns && (fault.from..=fault.until).contains(&end)
        });
        let is_own = |from: u64| own.is_some_and(|own| (own.from..=own.until).contains(&from));
        facts.faults.iter().any(|fault| hinders(fault.from, fault.until) && !is_own(fault.from))
            || facts
                .away
                .iter()
                .flatten()
                .any(|(from, until)| hinders(*from, *until) && *from != end && !is_own(*from))
    }
}
