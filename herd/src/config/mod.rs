//! The herd file: the nodes, their addresses, their links and their limits.
//!
//! ```toml
//! name = "pair"
//!
//! [[node]]
//! name = "Alford"
//! client = "127.0.0.1:12480"     # where clients connect
//! link = "127.0.0.1:12580"       # where neighbours connect
//! neighbours = ["Parker"]
//!
//! [[node]]
//! name = "Parker"
//! client = "127.0.0.1:12481"
//! link = "127.0.0.1:12581"
//! neighbours = ["Alford"]
//! ```
//!
//! A node listens on `client` and `link`, which are IP addresses. If neighbours cannot dial `link`,
//! since it is `0.0.0.0` or behind address translation, they dial the address in `advertise`, such
//! as `"alford.example:12580"`: an IP address or a DNS name, which they resolve at each dial.
//! `admin = "127.0.0.1:12680"` opens the admin port, and `metrics` one for metrics alone.
//!
//! Optional tables are `[limits]` ([`Limits`]), `[places]` ([`PlacesTable`]), `[links]`
//! ([`LinksTable`]), `[clients]` ([`ClientsTable`]), `[admin]` ([`AdminTable`]), `[backbone]`
//! ([`BackboneTable`]) and `[traces]` ([`TracesTable`]). Paths in them are relative to the herd
//! file.

mod addresses;
mod backbone;
mod checks;
mod files;
mod problems;
mod reading;
mod tables;
#[cfg(test)]
mod tests;
mod traces;

pub use files::file_for;
pub use problems::{ConfigError, Problem};
pub use tables::{
    AdminTable, AnswerAfter, BackboneTable, ClientsTable, LinksTable, PlacesTable, TracesTable,
};

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use crate::net::Address;
use crate::node::Limits;
use problems::Problems;
use tables::HerdFile;

/// The built-in herd: the five nodes of 2015-winter.
const BUILT_IN: &str = include_str!("../../data/2015-winter.toml");

/// A herd as described by its file, after checks: names and addresses are unique, edges are
/// symmetric.
#[derive(Clone, Debug, PartialEq)]
pub struct Herd {
    /// The herd's name, which is also the name of its folders.
    pub name: String,
    /// The nodes in the order of the file.
    pub members: Vec<Member>,
    /// The limits of every node.
    pub limits: Limits,
    /// The places provider of the nodes, if the file names one.
    pub places: PlacesTable,
    /// The certificates of links, if the file names them.
    pub links: LinksTable,
    /// The certificate for clients, if the file names one.
    pub clients: ClientsTable,
    /// The settings of the admin port.
    pub admin: AdminTable,
    /// The log that joins this herd with others, if the file names one.
    pub backbone: Option<BackboneTable>,
    /// The collector of traces, if the file names one.
    pub traces: Option<TracesTable>,
}

/// One node of a herd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The node's name, as in AT lines.
    pub name: String,
    /// The address to listen on for clients.
    pub client: SocketAddr,
    /// The address to listen on for neighbours.
    pub link: SocketAddr,
    /// The address that neighbours dial, if it differs from `link`.
    pub advertise: Option<Address>,
    /// The address of the admin port, on loopback. Without it, only a flag opens the port.
    pub admin: Option<SocketAddr>,
    /// The address of the metrics port. Without it, only a flag opens the port.
    pub metrics: Option<SocketAddr>,
    /// The names of the nodes with which it keeps a link.
    pub neighbours: Vec<String>,
    /// The shards that it holds, as in `0-15`. Without it, it holds all of them.
    pub holds: Option<String>,
}

impl Problems<'_> {
    /// Reads the herd, and leaves out what is wrong. The result is valid only if no problem was
    /// found.
    fn herd(&mut self) -> Herd {
        let HerdFile { name, node, limits, places, links, clients, admin, backbone, traces } =
            self.read().unwrap_or_default();
        let members: Vec<Member> = node.iter().map(|node| self.member(node)).collect();
        self.check_names(&node);
        self.check_addresses(&node, &members);
        self.check_advertised(&node, &members);
        self.check_edges(&node);
        let herd = Herd { name, members, limits, places, links, clients, admin, backbone, traces };
        self.check_backbone(&herd);
        self.check_shards(&herd, &node);
        self.check_traces(&herd);
        herd
    }
}

/// Reads a herd file. Returns its name in messages and its text.
fn text_of(path: &Path) -> Result<(String, String), ConfigError> {
    let file = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((file, text)),
        Err(error) => {
            let message = format!("cannot read the herd file: {error}");
            Err(ConfigError(vec![Problem { file, line: 0, message }]))
        }
    }
}

/// The folder that a herd file's paths are relative to.
fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

impl Member {
    /// The address that neighbours dial.
    pub fn dialled(&self) -> Address {
        self.advertise.clone().unwrap_or(Address::Ip(self.link))
    }

    /// The address at which clients reach it, also if it listens on all addresses of its machine.
    pub fn dialled_by_clients(&self) -> Address {
        let port = self.client.port();
        if !self.client.ip().is_unspecified() {
            return Address::Ip(self.client);
        }
        match self.dialled() {
            Address::Name { host, .. } => Address::Name { host, port },
            Address::Ip(link) if link.ip().is_unspecified() => {
                Address::Ip(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port))
            }
            Address::Ip(link) => Address::Ip(SocketAddr::new(link.ip(), port)),
        }
    }

    /// Whether only processes on the node's machine can reach its link port.
    pub fn is_on_loopback(&self) -> bool {
        self.link.ip().is_loopback() && self.dialled().is_loopback()
    }
}

impl Herd {
    /// The built-in herd: Alford, Bolden, Hamilton, Parker, Powell on loopback ports 12480-12484
    /// and 12580-12584.
    ///
    /// # Errors
    /// The built-in file is wrong, which a test rules out.
    pub fn built_in() -> Result<Herd, ConfigError> {
        Herd::parse(BUILT_IN, "the built-in herd")
    }

    /// Reads a herd file.
    ///
    /// # Errors
    /// The file cannot be read, or has problems.
    pub fn read(path: &Path) -> Result<Herd, ConfigError> {
        let (file, text) = text_of(path)?;
        let mut herd = Herd::parse(&text, &file)?;
        herd.name_files_from(folder_of(path));
        Ok(herd)
    }

    /// Reads a herd file, and checks the files that it names for `node` or, without one, for all
    /// nodes.
    ///
    /// # Errors
    /// The herd file has problems, or a file that it names cannot be read or used.
    pub fn check(path: &Path, node: Option<&str>) -> Result<Herd, ConfigError> {
        let (file, text) = text_of(path)?;
        let mut problems = Problems::of(&text, &file);
        let mut herd = problems.herd();
        herd.name_files_from(folder_of(path));
        let names = herd.members.iter().map(|member| member.name.as_str());
        let names: Vec<&str> = names.filter(|name| node.is_none_or(|node| node == *name)).collect();
        problems.check_files(&herd, &names);
        problems.into_result()?;
        Ok(herd)
    }

    /// Parses the text of a herd file; `file` is its name in messages.
    ///
    /// # Errors
    /// Every problem found, each with its line.
    pub fn parse(text: &str, file: &str) -> Result<Herd, ConfigError> {
        let mut problems = Problems::of(text, file);
        let herd = problems.herd();
        problems.into_result()?;
        Ok(herd)
    }

    /// The node with this name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Warnings about a valid file that is probably not what was meant: the graph is not connected.
    /// Nodes that hold only some shards have no links.
    pub fn warnings(&self) -> Vec<String> {
        let first = self.members.iter().find(|member| member.holds.is_none());
        let Some(first) = first else { return Vec::new() };
        let mut reached = BTreeSet::from([first.name.as_str()]);
        let mut frontier = vec![first];
        while let Some(member) = frontier.pop() {
            let fresh = member.neighbours.iter().filter(|name| reached.insert(name.as_str()));
            frontier.extend(fresh.filter_map(|name| self.member(name)));
        }
        let apart: Vec<&str> = self
            .members
            .iter()
            .filter(|member| member.holds.is_none())
            .map(|member| member.name.as_str())
            .filter(|name| !reached.contains(name))
            .collect();
        if apart.is_empty() {
            return Vec::new();
        }
        vec![format!("{} is not connected to {}: updates will not reach them", first.name, apart.join(", "))]
    }

    /// A warning about links beyond loopback, if the file does not name their certificates.
    pub fn lacks_certificates(&self) -> Option<String> {
        let away = self.members.iter().find(|member| !member.is_on_loopback())?;
        let LinksTable { ca, cert, key } = &self.links;
        let told = ca.is_some() && cert.is_some() && key.is_some();
        (!told).then(|| {
            format!(
                "the link address of {} is not on loopback: give each node --links-ca, --links-cert and --links-key, or name certificates in [links]",
                away.name
            )
        })
    }
}

impl fmt::Display for Herd {
    /// Writes the herd's name and nodes as a herd file, without the optional tables.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "name = {:?}", self.name)?;
        for Member { name, client, link, advertise, admin, metrics, neighbours, holds } in &self.members {
            writeln!(f, "\n[[node]]\nname = {name:?}\nclient = \"{client}\"\nlink = \"{link}\"")?;
            if let Some(advertise) = advertise {
                writeln!(f, "advertise = \"{advertise}\"")?;
            }
            if let Some(admin) = admin {
                writeln!(f, "admin = \"{admin}\"")?;
            }
            if let Some(metrics) = metrics {
                writeln!(f, "metrics = \"{metrics}\"")?;
            }
            if let Some(holds) = holds {
                writeln!(f, "holds = {holds:?}")?;
            }
            writeln!(f, "neighbours = {neighbours:?}")?;
        }
        Ok(())
    }
}
