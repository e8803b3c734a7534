//! The herd file: who the nodes are, where they listen, who talks with whom, and their bounds.
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
//! A node listens at `client` and `link`, which are IP addresses. Where neighbours cannot dial `link`,
//! since it is `0.0.0.0` or behind address translation, `advertise = "alford.example:12580"` says what
//! they dial instead: an IP address or a DNS name, which they look up each time they dial. A node with
//! `admin = "127.0.0.1:12680"` has its admin port there.
//!
//! Optional tables: `[limits]`, see [`Limits`]; `[places]`, see [`PlacesTable`]; `[links]` and `[clients]`, see
//! [`LinksTable`] and [`ClientsTable`]; `[admin]`, see [`AdminTable`]. Files that they name are relative to the herd file.

mod addresses;
mod checks;
mod files;
mod problems;
mod reading;
mod tables;
#[cfg(test)]
mod tests;

pub use files::file_for;
pub use problems::{ConfigError, Problem};
pub use tables::{AdminTable, ClientsTable, LinksTable, PlacesTable};

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use crate::net::Address;
use crate::node::Limits;
use problems::Problems;
use tables::HerdFile;

/// The herd that is built in: the five nodes of 2015-winter.
const BUILT_IN: &str = include_str!("../../../fixtures/herds/2015-winter.toml");

/// A herd as its file describes it, checked: names and addresses are unique, edges are symmetric.
#[derive(Clone, Debug, PartialEq)]
pub struct Herd {
    /// The herd's name, for people and for folders.
    pub name: String,
    /// The nodes in the order of the file.
    pub members: Vec<Member>,
    /// Bounds of every node.
    pub limits: Limits,
    /// Where nodes ask for places, if the file says so.
    pub places: PlacesTable,
    /// The certificates of links, if the file names them.
    pub links: LinksTable,
    /// The certificate that clients see, if the file names one.
    pub clients: ClientsTable,
    /// Who may ask the admin port.
    pub admin: AdminTable,
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
    /// The address that neighbours dial, if it is another one.
    pub advertise: Option<Address>,
    /// The address of the admin port, on loopback. Without one there is no such port unless a flag opens it.
    pub admin: Option<SocketAddr>,
    /// The nodes it keeps a link with.
    pub neighbours: Vec<String>,
}

impl Problems<'_> {
    /// Reads the herd as far as its text is right. It counts only if nothing is wrong.
    fn herd(&mut self) -> Herd {
        let HerdFile { name, node, limits, places, links, clients, admin } = self.read().unwrap_or_default();
        let members: Vec<Member> = node.iter().map(|node| self.member(node)).collect();
        self.check_names(&node);
        self.check_addresses(&node, &members);
        self.check_advertised(&node, &members);
        self.check_edges(&node);
        Herd { name, members, limits, places, links, clients, admin }
    }
}

/// The name of a herd file in messages, and its text.
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

    /// Whether only processes of the node's machine can be its neighbours.
    pub fn is_on_loopback(&self) -> bool {
        self.link.ip().is_loopback() && self.dialled().is_loopback()
    }
}

impl Herd {
    /// The built-in herd: Alford, Bolden, Hamilton, Parker, Powell on loopback ports 12480-12484 and 12580-12584.
    ///
    /// # Errors
    /// None in a released build: a test reads the built-in file.
    pub fn built_in() -> Result<Herd, ConfigError> {
        Herd::parse(BUILT_IN, "the built-in herd")
    }

    /// Reads a herd file.
    ///
    /// # Errors
    /// The file cannot be read, or its text is wrong.
    pub fn read(path: &Path) -> Result<Herd, ConfigError> {
        let (file, text) = text_of(path)?;
        let mut herd = Herd::parse(&text, &file)?;
        herd.name_files_from(folder_of(path));
        Ok(herd)
    }

    /// Reads a herd file, and the files that it names for one of its nodes, or for all.
    ///
    /// # Errors
    /// One of them cannot be read, or used; or the herd file's text is wrong.
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

    /// Reads the text of a herd file; `file` names it in messages.
    ///
    /// # Errors
    /// Every problem found, each with its line.
    pub fn parse(text: &str, file: &str) -> Result<Herd, ConfigError> {
        let mut problems = Problems::of(text, file);
        let herd = problems.herd();
        problems.into_result()?;
        Ok(herd)
    }

    /// The node called `name`.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// What is allowed but seldom meant: parts of the graph that no path connects.
    pub fn warnings(&self) -> Vec<String> {
        let Some(first) = self.members.first() else { return Vec::new() };
        let mut reached = BTreeSet::from([first.name.as_str()]);
        let mut frontier = vec![first];
        while let Some(member) = frontier.pop() {
            let fresh = member.neighbours.iter().filter(|name| reached.insert(name.as_str()));
            frontier.extend(fresh.filter_map(|name| self.member(name)));
        }
        let apart: Vec<&str> = self
            .members
            .iter()
            .map(|member| member.name.as_str())
            .filter(|name| !reached.contains(name))
            .collect();
        if apart.is_empty() {
            return Vec::new();
        }
        vec![format!(
            "no path of neighbours leads from {} to {}: updates will not reach them",
            first.name,
            apart.join(", ")
        )]
    }

    /// What is to be done before nodes on several machines can be linked, if the file does not say it.
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
    /// The herd's nodes as a herd file; bounds and places are left at their defaults.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "name = {:?}", self.name)?;
        for Member { name, client, link, advertise, admin, neighbours } in &self.members {
            writeln!(f, "\n[[node]]\nname = {name:?}\nclient = \"{client}\"\nlink = \"{link}\"")?;
            if let Some(advertise) = advertise {
                writeln!(f, "advertise = \"{advertise}\"")?;
            }
            if let Some(admin) = admin {
                writeln!(f, "admin = \"{admin}\"")?;
            }
            writeln!(f, "neighbours = {neighbours:?}")?;
        }
        Ok(())
    }
}
