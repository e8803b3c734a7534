//! `herd config init`: a herd file to start from.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use clap::Args;

use herd::config::Herd;
use herd::message::is_node_name;

use super::print::print_result;
use super::usage::Usage;

/// The ports of the first node on a host. The next node on the same host has the next ones.
const CLIENT_PORT: u16 = 12480;
const LINK_PORT: u16 = 12580;
const ADMIN_PORT: u16 = 12680;

/// The most nodes: the ports of clients end where those of links begin.
const MOST_NODES: usize = 100;

/// The number of nodes behind it in the file that each node is linked with. Up to five nodes, all
/// are linked with each other, and any two may be down while the others stay connected.
const NEXT: usize = 2;

/// What ends the file: the tables that most herds change, as comments.
const TABLES: &str = include_str!("config_init.toml");

/// Which nodes, and where to write the file.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The hosts on which the nodes run: IP addresses or DNS names, each with `NAME=` before it to
    /// name its node. A host may occur several times
    #[arg(required = true, value_name = "[NAME=]HOST")]
    hosts: Vec<HostOfNode>,
    /// The name of the herd
    #[arg(long, default_value = "my-herd")]
    name: String,
    /// Write to this new file [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A node and its host, as they are given.
#[derive(Clone, Debug)]
struct HostOfNode {
    node: Option<String>,
    host: Host,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Ip(IpAddr),
    Name(String),
}

impl FromStr for HostOfNode {
    type Err = String;

    fn from_str(text: &str) -> Result<HostOfNode, String> {
        let (node, host) = match text.split_once('=') {
            Some((node, _)) if !is_node_name(node.as_bytes()) => {
                return Err(format!(
                    "`{node}` cannot be the name of a node: use 1 to 64 letters, digits, `_`, `-` or `.`"
                ));
            }
            Some((node, host)) => (Some(node.to_owned()), host),
            None => (None, text),
        };
        let host = match host.parse() {
            Ok(ip) => Host::Ip(ip),
            Err(_) if host.contains(':') || !is_node_name(host.as_bytes()) => {
                return Err("expected an IP address or a DNS name, without a port".to_owned());
            }
            Err(_) => Host::Name(host.to_owned()),
        };
        Ok(HostOfNode { node, host })
    }
}

impl InitArgs {
    /// Writes the herd file.
    ///
    /// # Errors
    /// [`Usage`] if the nodes make no valid herd; or the file exists or cannot be written.
    pub(super) fn run(&self) -> Result<()> {
        if self.hosts.len() > MOST_NODES {
            return Err(Usage(format!(
                "{} nodes are too many: expected at most {MOST_NODES}",
                self.hosts.len()
            ))
            .into());
        }
        let text = file(&self.name, &self.hosts, &names(&self.hosts)?);
        Herd::parse(&text, "the new herd file").map_err(|error| Usage(error.to_string()))?;
        match &self.output {
            Some(path) => write_new(path, &text),
            None => print_result(&text),
        }
    }
}

fn write_new(path: &Path, text: &str) -> Result<()> {
    let created = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = match created {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{} exists: choose another name, or remove it first", path.display())
        }
        created => created.with_context(|| format!("cannot create {}", path.display()))?,
    };
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

/// Returns the text of a herd file.
fn file(name: &str, hosts: &[HostOfNode], names: &[String]) -> String {
    let mut text = format!(
        "# A herd file: check it with `herd check-config FILE`. All nodes may share it.\n\nname = {name:?}\n"
    );
    for (number, HostOfNode { host, .. }) in hosts.iter().enumerate() {
        // Nodes on the same host need different ports.
        let earlier = hosts[..number].iter().filter(|other| other.host.is_same_machine(host)).count() as u16;
        let listen = |port| SocketAddr::new(host.listens(), port + earlier);
        text += &format!(
            "\n[[node]]\nname = {:?}\nclient = \"{}\"\nlink = \"{}\"\n",
            names[number],
            listen(CLIENT_PORT),
            listen(LINK_PORT)
        );
        if let Host::Name(host) = host {
            text += &format!("advertise = \"{host}:{}\"\n", LINK_PORT + earlier);
        }
        text += &format!("admin = \"127.0.0.1:{}\"\n", ADMIN_PORT + earlier);
        text += &format!("neighbours = {:?}\n", neighbours(number, names));
    }
    let is_local = hosts.iter().all(|HostOfNode { host, .. }| host.listens().is_loopback());
    text + &TABLES.replace("#links ", if is_local { "# " } else { "" })
}

/// Names the nodes: as given, or by the first part of a DNS name, or by their numbers.
fn names(hosts: &[HostOfNode]) -> Result<Vec<String>, Usage> {
    let mut names: Vec<String> = Vec::new();
    for (number, HostOfNode { node, host }) in (1..).zip(hosts) {
        let name = match (node, host) {
            (Some(name), _) if names.contains(name) => {
                return Err(Usage(format!("two nodes would be called {name}: name one of them otherwise")));
            }
            (Some(name), _) => name.clone(),
            (None, Host::Name(host)) if host != "localhost" => {
                let label = host.split('.').next().unwrap_or(host);
                let is_taken = names.iter().any(|name| name == label);
                if is_taken { format!("{label}-{number}") } else { label.to_owned() }
            }
            (None, _) => format!("node-{number}"),
        };
        names.push(name);
    }
    Ok(names)
}

impl Host {
    /// Whether two hosts are known to be the same machine.
    fn is_same_machine(&self, other: &Host) -> bool {
        self == other || self.listens().is_loopback() && other.listens().is_loopback()
    }

    /// The address on which a node of this host listens.
    fn listens(&self) -> IpAddr {
        match self {
            Host::Ip(ip) => *ip,
            Host::Name(name) if name == "localhost" => Ipv4Addr::LOCALHOST.into(),
            Host::Name(_) => Ipv4Addr::UNSPECIFIED.into(),
        }
    }
}

/// The neighbours of a node: the next ones and those before it, round and round.
fn neighbours(node: usize, names: &[String]) -> Vec<&str> {
    let count = names.len();
    let is_near = |other: &usize| {
        let apart = node.abs_diff(*other);
        apart > 0 && apart.min(count - apart) <= NEXT
    };
    (0..count).filter(is_near).map(|other| names[other].as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(words: &[&str]) -> Vec<HostOfNode> {
        words.iter().map(|word| word.parse().unwrap()).collect()
    }

    /// The herd file for these hosts.
    fn written(words: &[&str]) -> String {
        let hosts = hosts(words);
        file("it", &hosts, &names(&hosts).unwrap())
    }

    #[test]
    fn every_file_is_valid_and_connected_and_its_comments_are_settings() {
        for words in [
            &["127.0.0.1"][..],
            &["127.0.0.1", "127.0.0.1", "::1", "localhost"],
            &["one.example", "two.example", "three.example", "10.0.0.1", "fd00::1", "Six=six"],
        ] {
            let text = written(words);
            let herd = Herd::parse(&text, "it").unwrap();
            assert_eq!(herd.members.len(), words.len());
            assert_eq!(herd.warnings(), [""; 0]);
            assert_eq!(herd.lacks_certificates(), None);
            // What is commented out can be used as it is.
            let is_setting = |line: &str| line.contains(" = ") || line.starts_with('[');
            let lines = text
                .lines()
                .map(|line| line.strip_prefix("# ").filter(|rest| is_setting(rest)).unwrap_or(line));
            Herd::parse(&lines.collect::<Vec<_>>().join("\n"), "it").unwrap();
        }
    }

    #[test]
    fn nodes_are_named_and_linked_as_the_reference_says() {
        let text = written(&["a.example", "B=b.example", "10.0.0.1", "10.0.0.1", "e", "e", "g"]);
        let herd = Herd::parse(&text, "it").unwrap();
        let names: Vec<&str> = herd.members.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names, ["a", "B", "node-3", "node-4", "e", "e-6", "g"]);
        assert_eq!(herd.members[0].neighbours, ["B", "node-3", "e-6", "g"]);
        assert_eq!(herd.members[3].client.to_string(), "10.0.0.1:12481");
        assert_eq!(herd.members[4].dialled().to_string(), "e:12580");
    }

    #[test]
    fn what_is_not_a_host_is_refused() {
        for word in ["", "one.example:12480", "a b", "=one", "a/b=one", "[::1]"] {
            assert!(word.parse::<HostOfNode>().is_err(), "{word}");
        }
        let taken = names(&hosts(&["a=one.example", "a=two.example"])).unwrap_err().to_string();
        assert_eq!(taken, "two nodes would be called a: name one of them otherwise");
    }
}
