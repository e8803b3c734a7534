//! I1: no acknowledged update is lost: every node knows it in the end, or a later one of its client; and what a node with
//! a disk knows in the end, it would know after a restart.

use crate::oracle::facts::Facts;
use crate::oracle::history::{Keeps, Source};
use crate::oracle::update::Update;

/// An update that a live node has had for so long, with nothing broken, has been passed on: microseconds.
const PASSED_ON: u64 = 1_000_000;

pub(super) fn check(facts: &Facts<'_>) -> Vec<String> {
    let missing = missing(facts).filter(|missing| !missing.is_excused(facts));
    let say = |missing: Missing<'_>| {
        let node = facts.name(missing.at_node);
        let instead = facts.known[missing.at_node].get(missing.update.client);
        let instead = instead.map_or("nothing", |update| update.line);
        format!("acknowledged and lost: {} knows {instead}, not {}", node, missing.update.line)
    };
    let kept = facts.history.endings.iter().enumerate().flat_map(|(node, ending)| {
        let line = move |line| format!("not on the disk of {} in the end: {line}", facts.name(node));
        ending.not_on_disk.iter().map(line)
    });
    missing.map(say).chain(kept).collect()
}

/// How many acknowledged updates are missing, and may be.
pub(in crate::oracle) fn excused(facts: &Facts<'_>) -> usize {
    let mut lines: Vec<&str> = missing(facts)
        .filter(|missing| missing.is_excused(facts))
        .map(|missing| missing.update.line)
        .collect();
    lines.sort_unstable();
    lines.dedup();
    lines.len()
}

struct Missing<'a> {
    acknowledged_by: usize,
    /// When it was said, and when the answer came: the node may have ended while that was under way.
    said_at: u64,
    acknowledged_at: u64,
    update: Update<'a>,
    at_node: usize,
}

fn missing<'a>(facts: &'a Facts<'_>) -> impl Iterator<Item = Missing<'a>> {
    facts.acknowledged().flat_map(|(op, at, update)| {
        facts.known.iter().enumerate().filter_map(move |(node, known)| {
            let is_there = known.get(update.client).is_some_and(|known| update.is_superseded_by(known));
            (!is_there).then_some(Missing {
                acknowledged_by: op.node,
                said_at: op.invoked,
                acknowledged_at: at,
                update,
                at_node: node,
            })
        })
    })
}

impl Missing<'_> {
    /// Every node that knew it, or a later one, was allowed to forget it.
    fn is_excused(&self, facts: &Facts<'_>) -> bool {
        match facts.history.setting.source {
            Source::Simulation => self.last_copy_may_be_lost(facts),
            Source::Processes => self.may_not_have_been_passed_on(facts),
        }
    }

    /// Exact, where all nodes are in sight.
    fn last_copy_may_be_lost(&self, facts: &Facts<'_>) -> bool {
        facts.last_copies.iter().any(|copy| {
            copy.update.client == self.update.client
                && self.update.is_superseded_by(&copy.update)
                && facts.forgot(copy.node, copy.since, copy.at)
        })
    }

    /// As far as can be seen from outside: the node that acknowledged it lost its memory, too soon or too isolated to
    /// have passed it on. (Others may have lost theirs as well since then; but all must have, and with a disk none did.)
    fn may_not_have_been_passed_on(&self, facts: &Facts<'_>) -> bool {
        let ends = facts.ends[self.acknowledged_by].iter();
        // A damaged disk is no excuse: neighbours know what it lost.
        let mut ends = ends.filter(|(at, keeps)| *at >= self.said_at && *keeps != Keeps::Damaged);
        ends.any(|(at, keeps)| {
            facts.forgot(self.acknowledged_by, self.said_at, *at)
                && (at.saturating_sub(self.acknowledged_at) < PASSED_ON
                    || self.was_hindered(facts, *at)
                    || *keeps == Keeps::Synced)
        })
    }

    /// Whether anything was broken between the acknowledgement and the end of the node.
    fn was_hindered(&self, facts: &Facts<'_>, end: u64) -> bool {
        facts
            .faults
            .iter()
            .any(|fault| fault.from <= end && fault.until.saturating_add(SETTLES) >= self.acknowledged_at)
            || facts.away.iter().flatten().any(|(from, until)| {
                *from <= end && until.saturating_add(SETTLES) >= self.acknowledged_at && *from != end
            })
    }
}

/// For so long after a fault links may still be about to come back, in microseconds.
const SETTLES: u64 = 5_000_000;
