//! What must be true of the nodes of a herd file.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use toml::Spanned;

use super::Member;
use super::addresses::{cannot_dial, cannot_listen, collide};
use super::problems::Problems;
use super::tables::NodeTable;
use crate::message::is_node_name;

impl Problems<'_> {
    pub(super) fn member(&mut self, node: &NodeTable) -> Member {
        if !is_node_name(node.name.get_ref().as_bytes()) {
            let message = format!(
                "`{}` is not a node name: use 1 to 64 letters, digits, `_`, `-` or `.`, and neither `.` nor `..` alone",
                node.name.get_ref()
            );
            self.at(&node.name, message);
        }
        Member {
            name: node.name.get_ref().clone(),
            client: self.address(&node.client, |_| None),
            // Of a herd of one, or of a node by itself, nobody dials it.
            link: self.address(&node.link, |link| cannot_dial(link).filter(|_| !node.neighbours.is_empty())),
            neighbours: node.neighbours.iter().map(|name| name.get_ref().clone()).collect(),
        }
    }

    /// Reads an address. `cannot` says what else would be wrong with one that can be listened on.
    fn address(
        &mut self,
        text: &Spanned<String>,
        cannot: impl FnOnce(SocketAddr) -> Option<String>,
    ) -> SocketAddr {
        let Ok(address) = text.get_ref().parse() else {
            let message =
                format!("`{}` is no address: an IP and a port like \"127.0.0.1:12480\"", text.get_ref());
            self.at(text, message);
            return SocketAddr::from(([0, 0, 0, 0], 0));
        };
        if let Some(problem) = cannot_listen(address).or_else(|| cannot(address)) {
            self.at(text, problem);
        }
        address
    }

    pub(super) fn check_names(&mut self, nodes: &[NodeTable]) {
        let mut names = BTreeMap::new();
        for node in nodes {
            if let Some(first) = names.insert(node.name.get_ref(), &node.name) {
                let first = self.line_of(first.span().start);
                self.at(&node.name, format!("the name {} is taken by line {first}", node.name.get_ref()));
            }
        }
    }

    pub(super) fn check_addresses(&mut self, nodes: &[NodeTable], members: &[Member]) {
        let mut taken: BTreeMap<u16, Vec<([SocketAddr; 2], usize)>> = BTreeMap::new();
        for (node, member) in nodes.iter().zip(members) {
            for (text, address) in [(&node.client, member.client), (&node.link, member.link)] {
                let line = self.line_of(text.span().start);
                let others = taken.entry(address.port()).or_default();
                let this = [address, member.link];
                if let Some((_, first)) = others.iter().find(|(other, _)| collide(*other, this)) {
                    let message = format!("the address {address} is taken by line {first}");
                    self.at(text, message);
                }
                others.push((this, line));
            }
        }
    }

    pub(super) fn check_edges(&mut self, nodes: &[NodeTable]) {
        let tables: BTreeMap<&str, &NodeTable> =
            nodes.iter().map(|node| (node.name.get_ref().as_str(), node)).collect();
        for node in nodes {
            let name = node.name.get_ref();
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
                            format!("{name} names {other} as a neighbour, and no [[node]] has that name"),
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
