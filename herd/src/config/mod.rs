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
//! they dial instead: an IP address or a DNS name, which they look up each time they dial.
//!
//! Optional tables: `[limits]`, see [`Limits`]; `[places]`, see [`PlacesTable`]; `[links]` and `[clients]`, see
//! [`LinksTable`] and [`ClientsTable`]; `[admin]`, see [`AdminTable`]. Files that they name are relative to the herd file.

mod address;
mod addresses;
mod checks;
mod problems;
mod tables;
#[cfg(test)]
mod tests;

pub use address::Address;
pub use problems::{ConfigError, Problem};
pub use tables::{AdminTable, ClientsTable, LinksTable, PlacesTable};

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

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
    /// The nodes it keeps a link with.
    pub neighbours: Vec<String>,
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
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let message = format!("cannot read the herd file: {error}");
            ConfigError(vec![Problem { file: file.clone(), line: 0, message }])
        })?;
        let mut herd = Herd::parse(&text, &file)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for named in herd.files() {
            *named = folder.join(&*named);
        }
        Ok(herd)
    }

    /// The files that it names.
    fn files(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let Herd { places, links: LinksTable { ca, cert, key }, clients, .. } = self;
        [&mut places.key_file, ca, cert, key, &mut clients.cert, &mut clients.key].into_iter().flatten()
    }

    /// Reads the text of a herd file; `file` names it in messages.
    ///
    /// # Errors
    /// Every problem found, each with its line.
    pub fn parse(text: &str, file: &str) -> Result<Herd, ConfigError> {
        let mut problems = Problems { text, file, found: Vec::new() };
        let raw: HerdFile = match toml::from_str(text) {
            Ok(raw) => raw,
            Err(error) => {
                problems.add(error.span().map(|span| span.start), error.message().trim().to_owned());
                return Err(ConfigError(problems.found));
            }
        };
        let members: Vec<Member> = raw.node.iter().map(|node| problems.member(node)).collect();
        if members.is_empty() {
            problems.add(None, "a herd needs at least one [[node]] table".to_owned());
        }
        problems.check_names(&raw.node);
        problems.check_addresses(&raw.node, &members);
        problems.check_advertised(&raw.node, &members);
        problems.check_edges(&raw.node);
        if let Some(limits) = &raw.limits
            && let Some(contradiction) = limits.get_ref().contradiction()
        {
            problems.at(limits, contradiction);
        }
        if !problems.found.is_empty() {
            problems.found.sort_by_key(|problem| problem.line);
            return Err(ConfigError(problems.found));
        }
        let limits = raw.limits.as_ref().map(|limits| limits.get_ref().clone()).unwrap_or_default();
        let HerdFile { name, places, links, clients, admin, .. } = raw;
        Ok(Herd { name, members, limits, places, links, clients, admin })
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
                "the links of {} are not on loopback: each node will need --links-ca, --links-cert and --links-key, unless [links] names them",
                away.name
            )
        })
    }
}

impl fmt::Display for Herd {
    /// The herd's nodes as a herd file; bounds and places are left at their defaults.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "name = {:?}", self.name)?;
        for Member { name, client, link, advertise, neighbours } in &self.members {
            writeln!(f, "\n[[node]]\nname = {name:?}\nclient = \"{client}\"\nlink = \"{link}\"")?;
            if let Some(advertise) = advertise {
                writeln!(f, "advertise = \"{advertise}\"")?;
            }
            writeln!(f, "neighbours = {neighbours:?}")?;
        }
        Ok(())
    }
}
