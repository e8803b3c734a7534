//! The order in which a connection reports its clients.

use serde::{Deserialize, Serialize};

use super::Load;

/// The order in which each connection of a load reports its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// One after another, then again from the first.
    #[default]
    InTurn,
    /// At random: each once, then each again in another order.
    Random,
    /// At random, until each has been reported this many times. Then the load ends.
    Passes(u64),
}

/// The clients of one connection: `first`, `first + step` and so on. They belong to no other
/// connection.
#[derive(Debug)]
pub(super) struct Clients {
    first: u64,
    step: u64,
    count: u64,
    order: Order,
    /// The numbers of the clients in the order of this pass; empty for [`Order::InTurn`].
    shuffled: Vec<u32>,
    chance: fastrand::Rng,
    /// The number of reports so far.
    reported: u64,
    last: u64,
}

impl Clients {
    /// The clients of one of the connections of a load.
    pub(super) fn of(load: &Load, connection: u64) -> Clients {
        let (first, step) = (connection, load.connections as u64);
        let count = load.clients.saturating_sub(first).div_ceil(step).max(1);
        let mut chance = fastrand::Rng::with_seed(first);
        // The first pass is shuffled before the load starts, since that takes long for many
        // clients.
        let shuffled = if load.order == Order::InTurn { 0..0 } else { 0..count as u32 };
        let mut shuffled: Vec<u32> = shuffled.collect();
        chance.shuffle(&mut shuffled);
        Clients { first, step, count, order: load.order, shuffled, chance, reported: 0, last: first }
    }

    /// The next client to report.
    pub(super) fn next(&mut self) -> u64 {
        let place = self.reported % self.count;
        let number = if self.shuffled.is_empty() {
            place
        } else {
            if place == 0 && self.reported > 0 {
                self.chance.shuffle(&mut self.shuffled);
            }
            self.shuffled[place as usize].into()
        };
        self.reported += 1;
        self.last = self.first + self.step * number;
        self.last
    }

    /// A client that has been reported, at random, if one is `wanted` and there is one.
    pub(super) fn reported(&mut self, wanted: bool) -> Option<u64> {
        if !wanted || self.reported == 0 {
            return None;
        }
        let place = self.chance.u64(..self.reported.min(self.count));
        let number = self.shuffled.get(place as usize).map_or(place, |number| (*number).into());
        Some(self.first + self.step * number)
    }

    /// The client that was reported last, or the first one if none was.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// The number of reports that are left, at most `most`.
    pub(super) fn left(&self, most: usize) -> usize {
        match self.order {
            Order::InTurn | Order::Random => most,
            Order::Passes(passes) => most.min((passes * self.count - self.reported) as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::load::{Protocol, Whatsats};

    fn load(order: Order) -> Load {
        Load {
            protocol: Protocol::Iamat,
            nodes: Vec::new(),
            connections: 3,
            depth: 1,
            rate: None,
            clients: 100,
            order,
            duration: Duration::ZERO,
            whatsats: Whatsats::default(),
            tls: None,
        }
    }

    #[test]
    fn passes_report_each_client_as_often_and_in_another_order_each_time() {
        let mut reports = BTreeMap::new();
        for connection in 0..3 {
            let mut clients = Clients::of(&load(Order::Passes(2)), connection);
            let mut own = Vec::new();
            while clients.left(1) > 0 {
                own.push(clients.next());
                *reports.entry(clients.last()).or_insert(0) += 1;
            }
            let (former, latter) = own.split_at(own.len() / 2);
            assert_ne!(former, latter);
            assert!(!former.is_sorted(), "{former:?}");
        }
        assert_eq!(reports, (0..100).map(|client| (client, 2)).collect());
    }

    #[test]
    fn only_clients_that_have_been_reported_are_asked_about() {
        for order in [Order::InTurn, Order::Random] {
            let mut clients = Clients::of(&load(order), 1);
            assert_eq!(clients.reported(true), None);
            let mut known = Vec::new();
            for _ in 0..100 {
                known.push(clients.next());
                assert_eq!(clients.reported(false), None);
                let asked = clients.reported(true).unwrap();
                assert!(known.contains(&asked), "{asked} {known:?}");
            }
        }
    }

    #[test]
    fn clients_in_turn_begin_again_after_the_last() {
        let mut clients = Clients::of(&load(Order::InTurn), 2);
        let reported: Vec<u64> = (0..35).map(|_| clients.next()).collect();
        assert_eq!((&reported[..2], &reported[32..]), (&[2, 5][..], &[98, 2, 5][..]));
        assert_eq!((clients.left(7), clients.last()), (7, 5));
    }
}
