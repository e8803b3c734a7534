//! Checks the nodes of a herd file.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use toml::Spanned;

use super::Member;
use super::addresses::{
    Listening, cannot_administer, cannot_be_scraped, cannot_dial, cannot_listen, collide,
};
use super::problems::Problems;
use super::tables::NodeTable;
use crate::message::is_node_name;
use crate::nearest::did_you_mean;
use crate::net::Address;

impl Problems<'_> {
    pub(super) fn member(&mut self, node: &NodeTable) -> Member {
        if let Some(name) = node.name.as_ref().filter(|name| !is_node_name(name.get_ref().as_bytes())) {
            let message = format!(
                "`{}` is not a node name: use 1 to 64 letters, digits, `_`, `-` or `.`, and neither `.` nor `..` alone",
                name.get_ref()
            );
            self.at(name, message);
        }
        let advertise = node.advertise.as_ref().and_then(|text| self.advertised(text));
        // The link port of a node is not dialled if the node has no neighbours or advertises
        // another address.
        let is_dialled = !node.neighbours.is_empty() && node.advertise.is_none();
        let link = self.address(node.link.as_ref(), |link| cannot_dial(&link.into()).filter(|_| is_dialled));
        Member {
            name: node.name().to_owned(),
            client: self.address(node.client.as_ref(), |_| None),
            link,
            advertise,
            admin: node.admin.as_ref().map(|text| self.address(Some(text), cannot_administer)),
            metrics: node.metrics.as_ref().map(|text| self.address(Some(text), cannot_be_scraped)),
            neighbours: node.neighbours.iter().map(|name| name.get_ref().clone()).collect(),
            holds: node.holds.as_ref().map(|shards| shards.get_ref().clone()),
        }
    }

    /// Reads an address to listen on, if there is one. `cannot` returns a further problem with it.
    fn address(
        &mut self,
        text: Option<&Spanned<String>>,
        cannot: impl FnOnce(SocketAddr) -> Option<String>,
    ) -> SocketAddr {
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let Some(text) = text else { return unknown };
        let problem = match text.get_ref().parse() {
            Ok(Address::Ip(address)) => match cannot_listen(address).or_else(|| cannot(address)) {
                None => return address,
                problem => problem,
            },
            Ok(name @ Address::Name { .. }) => Some(format!(
                "a node cannot listen on the host name `{name}`: use an IP address, such as 127.0.0.1 or 0.0.0.0, and put a name that neighbours dial into `advertise`"
            )),
            Err(problem) => Some(problem),
        };
        problem.into_iter().for_each(|problem| self.at(text, problem));
        unknown
    }

    /// Reads the address for neighbours to dial.
    fn advertised(&mut self, text: &Spanned<String>) -> Option<Address> {
        let read = text.get_ref().parse().and_then(|address| match cannot_dial(&address) {
            None => Ok(address),
            Some(problem) => Err(problem),
        });
        read.map_err(|problem| self.at(text, problem)).ok()
    }

    pub(super) fn check_names(&mut self, nodes: &[NodeTable]) {
        let mut names = BTreeMap::new();
        for name in nodes.iter().filter_map(|node| node.name.as_ref()) {
            if let Some(first) = names.insert(name.get_ref(), name) {
                let first = self.line_of(first.span().start);
                self.at(name, format!("the name {} is taken by line {first}", name.get_ref()));
            }
        }
    }

    pub(super) fn check_addresses(&mut self, nodes: &[NodeTable], members: &[Member]) {
        let mut taken: BTreeMap<u16, Vec<(Listening<'_>, usize)>> = BTreeMap::new();
        for (table, node) in nodes.iter().zip(members) {
            let addresses = [
                (&table.client, Some(node.client)),
                (&table.link, Some(node.link)),
                (&table.admin, node.admin),
                (&table.metrics, node.metrics),
            ];
            for (text, address) in addresses {
                let (Some(text), Some(address)) = (text, address) else { continue };
                let line = self.line_of(text.span().start);
                let others = taken.entry(address.port()).or_default();
                let this = Listening { address, node };
                if let Some((_, first)) = others.iter().find(|(other, _)| collide(*other, this)) {
                    let message = format!("the address {address} is taken by line {first}");
                    self.at(text, message);
                }
                others.push((this, line));
            }
        }
    }

    /// Checks that no two nodes are dialled at the same address. If neither advertises an address,
    /// [`check_addresses`](Self::check_addresses) reports the problem instead.
    pub(super) fn check_advertised(&mut self, nodes: &[NodeTable], members: &[Member]) {
        let place = |table: &NodeTable| Some(table.advertise.as_ref().or(table.link.as_ref())?.span().start);
        for (number, (table, node)) in nodes.iter().zip(members).enumerate() {
            let mut before = nodes.iter().zip(members).take(number);
            let same = before.find(|(_, other)| {
                let advertise = node.advertise.is_some() || other.advertise.is_some();
                advertise && node.dialled() == other.dialled()
            });
            if let Some((first, _)) = same {
                let line = place(first).map_or(0, |place| self.line_of(place));
                let address = node.dialled();
                self.add(place(table), format!("neighbours would dial {address} for this node and for that of line {line}: give each node a different address"));
            }
        }
    }

    pub(super) fn check_edges(&mut self, nodes: &[NodeTable]) {
        let tables: BTreeMap<&str, &NodeTable> = nodes.iter().map(|node| (node.name(), node)).collect();
        for node in nodes.iter().filter(|node| node.name.is_some()) {
            let name = node.name();
            let mut seen = BTreeSet::new();
            for neighbour in &node.neighbours {
                let other = neighbour.get_ref();
                if other == name {
                    self.at(neighbour, format!("{name} names itself as a neighbour"));
                } else if !seen.insert(other) {
                    self.at(neighbour, format!("{name} names {other} as a neighbour twice"));
                } else {
                    match tables.get(other.as_str()) {
                        None => self.at(
                            neighbour,
                            format!(
                                "{name} names {other} as a neighbour, and no [[node]] has that name{}",
                                did_you_mean(other, tables.keys().copied().filter(|known| *known != name))
                            ),
                        ),
                        Some(table) if !table.neighbours.iter().any(|back| back.get_ref() == name) => {
                            self.at(neighbour, format!("{name} names {other} as a neighbour, but {other} does not name {name}: add it there, or remove it here"));
                        }
                        Some(_) => {}
                    }
                }
            }
        }
    }
}
