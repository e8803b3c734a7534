//! Takes the place of the tasks of a node that say which shards it holds, and drop the records of
//! shards that other nodes hold.

use std::collections::BTreeMap;

use herd::backbone::{Holding, Part};
use herd::node::Shards;

use super::World;
use crate::oracle::Update;

impl World<'_> {
    /// Lets all nodes know which shards a node holds, and how far it has read.
    pub(super) fn say_shards(&mut self, machine: usize) {
        let now = self.now;
        let shards = self.plan.shards_of(machine);
        let node = self.names[machine].clone();
        let Some(reading) = self.reading(machine) else { return };
        let (stream, read, skipped) = reading.reader.place_in_stream();
        let holding = Holding {
            region: node.clone(),
            node,
            shards,
            clients: 0,
            elsewhere: 0,
            unread: 0,
            is_whole: reading.consumer.is_some() && reading.reader.is_whole(),
            stream,
            read,
            skipped,
        };
        self.backbone.holders.note(holding, now);
    }

    /// Drops the records of other shards that the nodes which hold them have read.
    pub(super) fn drop_published(&mut self, machine: usize) {
        let now = self.now;
        let Some(process) = &mut self.machines[machine].process else { return };
        let Some(member) = &mut process.member else { return };
        let Some(attempt) = &mut member.attempt else { return };
        let holders = &self.backbone.holders;
        let part = member.parting.next(&process.node, &mut attempt.publisher, holders, now);
        if let Part::Drop(mut from, upto) = part {
            while from < upto {
                from = process.node.drop_published(from, upto);
            }
        }
        self.publish_soon(machine);
    }

    /// The lines that clients can get from a node: those of its shards, and those of the others
    /// from nodes that hold them. A line of another shard that it has not dropped counts if it is
    /// later.
    pub(in crate::sim::world) fn lines_from(&self, machine: usize) -> Vec<String> {
        let shards = self.plan.shards_of(machine);
        let mut lines = self.held(machine, shards);
        let mut rest = Shards::all(shards.count()).without(shards);
        for (other, _) in self.machines.iter().enumerate() {
            let held = self.plan.shards_of(other).common(rest);
            lines.append(&mut self.held(other, held));
            rest = rest.without(held);
        }
        for (client, line) in self.held(machine, Shards::all(shards.count()).without(shards)) {
            let is_later = |known: &String| {
                let (line, known) = (Update::parse(&line), Update::parse(known));
                line.zip(known).is_none_or(|(line, known)| !line.is_superseded_by(&known))
            };
            if lines.get(&client).is_none_or(is_later) {
                lines.insert(client, line);
            }
        }
        let mut lines: Vec<String> = lines.into_values().collect();
        lines.sort_unstable();
        lines
    }

    /// The lines of a machine's records of some shards, by client.
    fn held(&self, machine: usize, shards: Shards) -> BTreeMap<Vec<u8>, String> {
        let line = |line: String| {
            let client = Update::parse(&line)?.client.as_bytes().to_vec();
            shards.holds(&client).then_some((client, line))
        };
        self.machines[machine].known().into_iter().filter_map(line).collect()
    }

    /// Returns whether all nodes give clients the same lines, and have dropped what others hold.
    pub(in crate::sim::world) fn shards_agree(&self) -> bool {
        let all_run = self.machines.iter().all(|machine| machine.process.is_some());
        let agree = || {
            let first = self.lines_from(0);
            (1..self.machines.len()).all(|machine| self.lines_from(machine) == first)
        };
        let are_equal = |shard: u8| {
            let one = Shards::parse(&shard.to_string(), self.plan.shards).expect("it is a shard");
            let holders =
                (0..self.machines.len()).filter(|node| !self.plan.shards_of(*node).common(one).are_none());
            let mut held = holders.map(|node| self.held(node, one));
            let first = held.next();
            held.all(|other| Some(other) == first)
        };
        all_run && (0..self.plan.shards).all(are_equal) && agree()
    }
}
