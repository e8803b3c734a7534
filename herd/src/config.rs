//! The herd file: who the nodes are, where they listen, who talks with whom, and their bounds.
//!
//! ```toml
//! name = "pair"
//!
//! [[node]]
//! name = "Alford"
//! client = "127.0.0.1:12480"     # where clients connect
//! link = "127.0.0.1:12580"       # where neighbours connect: an address that they can dial
//! neighbours = ["Parker"]
//!
//! [[node]]
//! name = "Parker"
//! client = "127.0.0.1:12481"
//! link = "127.0.0.1:12581"
//! neighbours = ["Alford"]
//! ```
//!
//! Optional tables: `[limits]`, see [`Limits`]; `[places]`, see [`PlacesTable`]; `[links]` and `[clients]`, see
//! [`LinksTable`] and [`ClientsTable`]; `[admin]`, see [`AdminTable`]. Files that they name are relative to the herd file.

mod addresses;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use crate::message::is_node_name;
use crate::node::Limits;
use crate::places::{Fields, Layout, ProviderName};
use addresses::{cannot_dial, cannot_listen, collide};

/// The herd that is built in: the five nodes of 2015-winter.
const BUILT_IN: &str = include_str!("../../fixtures/herds/2015-winter.toml");

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
    /// The address clients connect to.
    pub client: SocketAddr,
    /// The address neighbours connect to.
    pub link: SocketAddr,
    /// The nodes it keeps a link with.
    pub neighbours: Vec<String>,
}

/// The `[places]` table. Flags and environment variables of the node override it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlacesTable {
    /// The provider's name, as for `--places`.
    pub provider: Option<ProviderName>,
    /// The service's base URL, as for `--places-url`.
    pub url: Option<String>,
    /// The file that holds the API key, as for `--places-key-file`.
    pub key_file: Option<PathBuf>,
    /// The layout of answers, as for `--places-layout`.
    pub layout: Option<Layout>,
    /// The fields to ask for, as for `--places-fields`.
    pub fields: Option<Fields>,
}

/// The `[links]` table: certificates for links, in PEM. `{name}` in a path stands for the node's name. Flags and environment
/// variables of the node override it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinksTable {
    /// The authority's, as for `--links-ca`.
    pub ca: Option<PathBuf>,
    /// The node's, as for `--links-cert`.
    pub cert: Option<PathBuf>,
    /// The node's private key, as for `--links-key`.
    pub key: Option<PathBuf>,
}

/// The `[clients]` table: clients are served over TLS. `{name}`, flags and environment as for [`LinksTable`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientsTable {
    /// The certificate, as for `--clients-cert`.
    pub cert: Option<PathBuf>,
    /// Its private key, as for `--clients-key`.
    pub key: Option<PathBuf>,
}

/// The `[admin]` table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminTable {
    /// The names of hosts by which the admin port may be asked, besides IP addresses and `localhost`. A request for any
    /// other host is answered 421.
    pub hosts: Vec<String>,
}

/// What is wrong with a herd file: every problem found, in the order of the file.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigError(pub Vec<Problem>);

/// One thing wrong at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file's name as it was given.
    pub file: String,
    /// The line, from 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// What was expected and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}: {}", self.file, self.message),
        }
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
}

impl Herd {
    /// What is to be done before nodes on several machines can be linked, if the file does not say it.
    pub fn lacks_certificates(&self) -> Option<String> {
        let away = self.members.iter().find(|member| !member.link.ip().is_loopback())?;
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
        for Member { name, client, link, neighbours } in &self.members {
            writeln!(
                f,
                "\n[[node]]\nname = {name:?}\nclient = \"{client}\"\nlink = \"{link}\"\nneighbours = {neighbours:?}"
            )?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HerdFile {
    name: String,
    #[serde(default)]
    node: Vec<NodeTable>,
    limits: Option<Spanned<Limits>>,
    #[serde(default)]
    places: PlacesTable,
    #[serde(default)]
    links: LinksTable,
    #[serde(default)]
    clients: ClientsTable,
    #[serde(default)]
    admin: AdminTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeTable {
    name: Spanned<String>,
    client: Spanned<String>,
    link: Spanned<String>,
    #[serde(default)]
    neighbours: Vec<Spanned<String>>,
}

/// Collects what is wrong, so that a file is mended in one go.
struct Problems<'a> {
    text: &'a str,
    file: &'a str,
    found: Vec<Problem>,
}

impl Problems<'_> {
    fn add(&mut self, offset: Option<usize>, message: String) {
        let line = offset.map_or(0, |offset| self.line_of(offset));
        self.found.push(Problem { file: self.file.to_owned(), line, message });
    }

    fn line_of(&self, offset: usize) -> usize {
        1 + self.text.as_bytes()[..offset.min(self.text.len())].iter().filter(|&&byte| byte == b'\n').count()
    }

    fn at<T>(&mut self, place: &Spanned<T>, message: String) {
        self.add(Some(place.span().start), message);
    }

    fn member(&mut self, node: &NodeTable) -> Member {
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

    fn check_names(&mut self, nodes: &[NodeTable]) {
        let mut names = BTreeMap::new();
        for node in nodes {
            if let Some(first) = names.insert(node.name.get_ref(), &node.name) {
                let first = self.line_of(first.span().start);
                self.at(&node.name, format!("the name {} is taken by line {first}", node.name.get_ref()));
            }
        }
    }

    fn check_addresses(&mut self, nodes: &[NodeTable], members: &[Member]) {
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

    fn check_edges(&mut self, nodes: &[NodeTable]) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: &str = r#"
name = "pair"
[[node]]
name = "A"
client = "127.0.0.1:1"
link = "127.0.0.1:2"
neighbours = ["B"]
[[node]]
name = "B"
client = "127.0.0.1:3"
link = "127.0.0.1:4"
neighbours = ["A"]
"#;

    /// What is wrong with the pair after a change, as `line: message`.
    fn problems(from: &str, to: &str) -> Vec<String> {
        let text = PAIR.replacen(from, to, 1);
        assert_ne!(text, PAIR);
        let ConfigError(problems) = Herd::parse(&text, "h").unwrap_err();
        problems.iter().map(|problem| format!("{}: {}", problem.line, problem.message)).collect()
    }

    #[test]
    fn the_built_in_herd_is_the_five_of_2015() {
        let herd = Herd::built_in().unwrap();
        let names: Vec<&str> = herd.members.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names, ["Alford", "Bolden", "Hamilton", "Parker", "Powell"]);
        assert_eq!(herd.warnings(), [""; 0]);
    }

    #[test]
    fn a_herd_survives_being_written_and_read() {
        let herd = Herd::parse(PAIR, "h").unwrap();
        assert_eq!(Herd::parse(&herd.to_string(), "h").unwrap(), herd);
    }

    #[test]
    fn each_problem_is_told_with_its_line() {
        for (from, to, expected) in [
            (r#"["B"]"#, r#"["B", "C"]"#, "7: A names C as a neighbour, and no [[node]] has that name"),
            (r#"["B"]"#, r#"["A", "B"]"#, "7: A names itself as a neighbour"),
            (r#"["B"]"#, r#"["B", "B"]"#, "7: A names B as a neighbour twice"),
            (
                r#"["A"]"#,
                "[]",
                "7: A names B as a neighbour, but B does not name A: add it there, or remove it here",
            ),
            ("0.1:4", "0.1:1", "11: the address 127.0.0.1:1 is taken by line 5"),
            (
                "127.0.0.1:3",
                "nowhere:3",
                "10: `nowhere:3` is no address: an IP and a port like \"127.0.0.1:12480\"",
            ),
            ("client = \"127.0.0.1:3\"\n", "", "8: missing field `client`"),
            (
                "client = \"127.0.0.1:3",
                "client = \"0.0.0.0:1",
                "10: the address 0.0.0.0:1 is taken by line 5",
            ),
            (
                "client = \"127.0.0.1:1",
                "client = \"[0:0::0:0]:2",
                "6: the address 127.0.0.1:2 is taken by line 5",
            ),
            (
                "client = \"127.0.0.1:3",
                "client = \"[::ffff:127.0.0.1]:1",
                "10: the address [::ffff:127.0.0.1]:1 is taken by line 5",
            ),
            (
                "client = \"127.0.0.1:3",
                "client = \"127.0.0.1:4",
                "11: the address 127.0.0.1:4 is taken by line 10",
            ),
            (
                "127.0.0.1:3",
                "239.1.2.3:3",
                "10: no node can listen on 239.1.2.3:3, a multicast address: name an address of the node's machine",
            ),
            (
                "127.0.0.1:4",
                "[ff02::1]:4",
                "11: no node can listen on [ff02::1]:4, a multicast address: name an address of the node's machine",
            ),
            (
                "127.0.0.1:4",
                "255.255.255.255:4",
                "11: no node can listen on 255.255.255.255:4, the broadcast address: name an address of the node's machine",
            ),
            (
                "127.0.0.1:2",
                "127.0.0.1:0",
                "6: neighbours cannot dial 127.0.0.1:0, since port 0 is any free port: name a port",
            ),
        ] {
            assert_eq!(problems(from, to), [expected], "{to}");
        }
    }

    #[test]
    fn a_link_on_every_address_of_a_machine_is_refused_however_it_is_written() {
        for address in ["0.0.0.0:4", "[::]:4", "[0:0::0]:4", "[::ffff:0.0.0.0]:4"] {
            let found = problems("127.0.0.1:4", address);
            assert!(found[0].starts_with("11: neighbours cannot dial ") && found.len() == 1, "{found:?}");
        }
    }

    #[test]
    fn nodes_on_several_machines_may_have_the_same_port_on_all_addresses() {
        let machines = PAIR
            .replace("127.0.0.1:1", "0.0.0.0:1")
            .replace("127.0.0.1:3", "0.0.0.0:1")
            .replace("127.0.0.1:2", "10.0.0.1:2")
            .replace("127.0.0.1:4", "10.0.0.2:2");
        Herd::parse(&machines, "h").unwrap();
        for (from, to, line) in [
            ("10.0.0.2:2", "10.0.0.1:3", 10),
            ("10.0.0.2:2", "127.0.0.1:3", 10),
            ("10.0.0.2:2", "10.0.0.1:2", 11),
            ("10.0.0.2:2", "10.0.0.2:1", 11),
        ] {
            let ConfigError(problems) = Herd::parse(&machines.replace(from, to), "h").unwrap_err();
            assert!(problems.iter().any(|found| found.line == line), "{to}: {problems:?}");
        }
    }

    #[test]
    fn clients_of_any_address_and_links_that_nobody_dials_are_fine() {
        let alone =
            "name = \"one\"\n[[node]]\nname = \"A\"\nclient = \"0.0.0.0:0\"\nlink = \"127.0.0.1:0\"\n";
        Herd::parse(alone, "h").unwrap();
        Herd::parse(&PAIR.replace("127.0.0.1:1", "0.0.0.0:1"), "h").unwrap();
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let found = problems(
            "127.0.0.1:1\"\nlink = \"127.0.0.1:2\"\nneighbours = [\"B\"]",
            "x\"\nlink = \"y\"\nneighbours = [\"C\"]",
        );
        assert_eq!(found.len(), 4, "{found:?}");
    }

    #[test]
    fn names_that_are_folders_name_no_node() {
        for name in [".", ".."] {
            let found = problems("name = \"A\"", &format!("name = \"{name}\""));
            assert!(found[0].starts_with(&format!("4: `{name}` is not a node name: ")), "{found:?}");
        }
        for name in ["...", ".a", "a..b"] {
            let renamed = PAIR.replace("\"A\"", &format!("\"{name}\""));
            assert!(Herd::parse(&renamed, "h").is_ok(), "{name}");
        }
    }

    #[test]
    fn two_nodes_of_one_name_are_told_apart_by_line() {
        let found = problems("name = \"B\"", "name = \"A\"");
        assert!(found.contains(&"9: the name A is taken by line 4".to_owned()), "{found:?}");
    }

    #[test]
    fn unknown_keys_and_wrong_durations_are_refused() {
        for (table, expected) in [
            ("[limits]\nline_byte = 1\n", "unknown field `line_byte`"),
            ("[limits]\nlinger = \"soon\"\n", "`soon` is no duration"),
            ("[limits]\nmax_future_skew = \"24\"\n", "`24` is no duration"),
            ("[limits]\nidle_client = \"101y\"\n", "at most 100 years"),
            ("[limits]\nheartbeat = \"0s\"\n", "this bound cannot be 0"),
            ("[limits]\nwhatsat_upstream = 0\n", "this bound cannot be 0"),
            ("[limits]\nplaces_per_day = 0\n", "this bound cannot be 0"),
            ("[limits]\nplaces_per_minute = \"of\"\n", "or \"off\""),
            ("[limits]\nplaces_address_percent = 101\n", "a percentage from 1 to 100"),
            ("[limits]\nheartbeat = \"3s\"\n", "heartbeat must be shorter than link_silence"),
            ("[limits]\nlink_line_bytes = 100\n", "link_line_bytes must be at least 4200"),
            ("[limits]\nredial_first = \"2s\"\n", "redial_first must not be longer than redial_longest"),
        ] {
            let ConfigError(problems) = Herd::parse(&format!("{PAIR}{table}"), "h").unwrap_err();
            assert!(problems[0].message.contains(expected) && problems[0].line > 12, "{problems:?}");
        }
    }

    #[test]
    fn limits_are_read_by_their_names() {
        let table = "[limits]\nmax_future_skew = \"off\"\nline_bytes = 100\nlinger = \"1s 500ms\"\n\
            places_per_minute = \"off\"\nplaces_per_day = 7\n";
        let limits = Herd::parse(&format!("{PAIR}{table}"), "h").unwrap().limits;
        let linger = std::time::Duration::from_millis(1500);
        let expected = Limits {
            max_future_skew: None,
            line_bytes: 100,
            linger,
            places_per_minute: None,
            places_per_day: Some(7),
            ..Limits::default()
        };
        assert_eq!(limits, expected);
    }

    #[test]
    fn parts_that_no_path_connects_are_a_warning() {
        let apart = PAIR.replace(r#"["A"]"#, "[]").replace(r#"["B"]"#, "[]");
        let warnings = Herd::parse(&apart, "h").unwrap().warnings();
        assert_eq!(warnings, ["no path of neighbours leads from A to B: updates will not reach them"]);
    }
}
