//! Changes of herd files: the harness gives a herd other ports, links or limits.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, bail};
use herd::config::{Herd, LinksTable};
use herd::nearest::choices;
use toml::{Table, Value};

mod paths;

/// A herd, and the TOML table of its file.
#[derive(Clone, Debug)]
pub struct HerdFile {
    herd: Herd,
    table: Table,
}

impl HerdFile {
    /// Reads a herd file. `name` is the name of a herd of `fixtures/herds`, or a path.
    ///
    /// # Errors
    /// - There is no such herd. The message lists the herds of `fixtures/herds`.
    /// - The file cannot be read or is not a herd file.
    pub fn find(name: &str) -> Result<HerdFile> {
        let fixture = fixtures::herds().join(format!("{name}.toml"));
        let path = if fixture.exists() { &fixture } else { Path::new(name) };
        if !path.exists() {
            let names = fixture_names()?;
            let choices = choices(name, "herds", names.iter().map(String::as_str), "the folder");
            bail!("{name} is neither a herd file nor a herd of fixtures/herds{choices}");
        }
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut file = HerdFile::parse(&text, &path.display().to_string())?;
        let folder = std::path::absolute(path)?.with_file_name("");
        paths::make_absolute(&mut file.table, &folder);
        Ok(file)
    }

    /// Parses the text of a herd file. Messages call it `file`.
    ///
    /// # Errors
    /// The text is not a herd file. The message lists every problem.
    pub fn parse(text: &str, file: &str) -> Result<HerdFile> {
        Ok(HerdFile { herd: Herd::parse(text, file)?, table: text.parse()? })
    }

    /// Returns the same herd on loopback ports from `first_port`: first the client ports, then the
    /// link ports. Its nodes have neither admin ports nor metrics ports, since those of the file
    /// may be in use.
    ///
    /// # Errors
    /// The ports go beyond 65535.
    pub fn at_ports(&self, first_port: u16) -> Result<HerdFile> {
        let mut table = self.table.clone();
        let nodes = node_tables(&mut table)?;
        let count = u16::try_from(nodes.len())?;
        if usize::from(first_port) + 2 * nodes.len() > usize::from(u16::MAX) + 1 {
            let needed = 2 * count;
            bail!(
                "{count} nodes need {needed} ports, but ports end at 65535: choose a lower one than {first_port}"
            );
        }
        for (node, port) in nodes.iter_mut().zip(first_port..) {
            node["client"] = Value::from(format!("127.0.0.1:{port}"));
            set_link(node, format!("127.0.0.1:{}", port + count));
            remove(node, "admin");
            remove(node, "metrics");
        }
        HerdFile::parse(&table.to_string(), "the herd at other ports")
    }

    /// Returns the same herd, with a loopback admin port for each node that has none. These ports
    /// follow the highest port of all nodes.
    ///
    /// # Errors
    /// The ports go beyond 65535.
    pub fn with_admin_ports(&self) -> Result<HerdFile> {
        let mut table = self.table.clone();
        let nodes = node_tables(&mut table)?;
        let members = self.herd.members.iter();
        let addresses =
            members.flat_map(|node| [Some(node.client), Some(node.link), node.admin, node.metrics]);
        let highest = addresses.flatten().map(|address| address.port()).max().unwrap_or_default();
        let mut ports = highest..=u16::MAX;
        ports.next();
        for node in
            nodes.iter_mut().filter_map(Value::as_table_mut).filter(|node| !node.contains_key("admin"))
        {
            let port = ports.next().with_context(|| {
                format!(
                    "no admin port is left above {highest}: choose lower ports, or set `admin` in the herd file"
                )
            })?;
            node.insert("admin".to_owned(), Value::from(format!("127.0.0.1:{port}")));
        }
        HerdFile::parse(&table.to_string(), "the herd with admin ports")
    }

    /// Returns the same herd with other link addresses for the named nodes.
    ///
    /// # Errors
    /// Two nodes would have the same address.
    pub fn with_links<'a>(&self, links: impl IntoIterator<Item = (&'a str, SocketAddr)>) -> Result<HerdFile> {
        let mut table = self.table.clone();
        let nodes = node_tables(&mut table)?;
        for (name, address) in links {
            for node in nodes.iter_mut().filter(|node| node["name"].as_str() == Some(name)) {
                set_link(node, address.to_string());
            }
        }
        HerdFile::parse(&table.to_string(), "the herd with other links")
    }

    /// Returns the same herd with other shards that a node holds.
    ///
    /// # Errors
    /// They are not shards, or the herd has no backbone.
    pub fn with_shards(&self, name: &str, holds: &str) -> Result<HerdFile> {
        let mut table = self.table.clone();
        let tables = node_tables(&mut table)?.iter_mut().filter_map(Value::as_table_mut);
        for node in tables.filter(|node| node["name"].as_str() == Some(name)) {
            node.insert("holds".to_owned(), Value::from(holds));
        }
        HerdFile::parse(&table.to_string(), "the herd with other shards")
    }

    /// Returns the same herd with other loopback ports for the clients of the named nodes.
    ///
    /// # Errors
    /// No node has such a name, or two nodes would have the same address.
    pub fn with_client_ports(&self, ports: &BTreeMap<String, u16>) -> Result<HerdFile> {
        let mut table = self.table.clone();
        let nodes = node_tables(&mut table)?;
        for (name, port) in ports {
            let Some(node) = nodes.iter_mut().find(|node| node["name"].as_str() == Some(name)) else {
                let names = self.herd.members.iter().map(|node| node.name.as_str());
                bail!("no node is called {name}{}", choices(name, "nodes", names, "the herd file"));
            };
            node["client"] = Value::from(format!("127.0.0.1:{port}"));
        }
        HerdFile::parse(&table.to_string(), "the herd at other client ports")
    }

    /// Returns the same herd with other limits: `limits` is the text of a `[limits]` table, without
    /// its heading.
    ///
    /// # Errors
    /// The text is not such a table.
    pub fn with_limits(&self, limits: &str) -> Result<HerdFile> {
        let mut table = self.table.clone();
        table.insert("limits".to_owned(), Value::Table(limits.parse()?));
        HerdFile::parse(&table.to_string(), "the herd with other limits")
    }

    /// Returns the same herd without a rate limit for requests to the Places service, for services
    /// that are free of charge.
    ///
    /// # Errors
    /// `limits` is not a table.
    pub fn with_free_places(&self) -> Result<HerdFile> {
        let mut table = self.table.clone();
        for window in ["places_per_minute", "places_per_day"] {
            limits_of(&mut table)?.insert(window.to_owned(), Value::from("off"));
        }
        HerdFile::parse(&table.to_string(), "the herd with free places")
    }

    /// Returns the same herd with a bound of the size of each node's log, unless it has one.
    ///
    /// # Errors
    /// `limits` is not a table.
    pub fn with_log_bound(&self, bytes: u32) -> Result<HerdFile> {
        let mut table = self.table.clone();
        limits_of(&mut table)?.entry("log_file_bytes").or_insert(Value::from(bytes));
        HerdFile::parse(&table.to_string(), "the herd with bounded logs")
    }

    /// Returns the same herd with one more neighbour for every node: an observer, which only reads
    /// what its link carries. Its name is [`observer_of`] the node, and its ports are a thousand
    /// above the node's.
    ///
    /// # Errors
    /// The ports of the observers go beyond 65535.
    pub fn with_observers(&self) -> Result<HerdFile> {
        let mut herd = self.herd.clone();
        let mut observers = herd.members.clone();
        for (node, observer) in herd.members.iter_mut().zip(&mut observers) {
            let name = observer_of(&node.name);
            node.neighbours.push(name.clone());
            observer.neighbours = vec![std::mem::replace(&mut observer.name, name)];
            observer.admin = None;
            for address in [&mut observer.client, &mut observer.link] {
                address.set_port(port_of_observer(address.port())?);
            }
        }
        herd.members.extend(observers);
        HerdFile::parse(&herd.to_string(), "the observed herd")
    }

    /// The herd.
    pub fn herd(&self) -> &Herd {
        &self.herd
    }

    /// Returns whether the file names certificates for links.
    pub fn has_certificates(&self) -> bool {
        self.herd.links != LinksTable::default()
    }

    /// Returns the table of the file.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Returns the text of the file.
    pub fn text(&self) -> String {
        self.table.to_string()
    }
}

fn limits_of(table: &mut Table) -> Result<&mut Table> {
    let limits = table.entry("limits").or_insert_with(|| Value::Table(Table::new()));
    limits.as_table_mut().context("`limits` is not a table of the herd file")
}

/// Returns the `[[node]]` tables.
fn node_tables(herd: &mut Table) -> Result<&mut Vec<Value>> {
    let nodes = herd.get_mut("node").and_then(Value::as_array_mut);
    nodes.context("the herd file has no [[node]] tables")
}

fn port_of_observer(port: u16) -> Result<u16> {
    let observer = port.checked_add(1000);
    observer.with_context(|| format!("no port is left for the observer of port {port}: ports end at 65535"))
}

/// Sets the address at which a node listens for its neighbours, and at which they dial it.
fn set_link(node: &mut Value, address: String) {
    node["link"] = Value::from(address);
    remove(node, "advertise");
}

fn remove(node: &mut Value, key: &str) {
    if let Some(node) = node.as_table_mut() {
        node.remove(key);
    }
}

/// Returns the name of a node's observer.
pub fn observer_of(node: &str) -> String {
    format!("Observer-of-{node}")
}

/// Returns whether a node is an observer.
pub fn is_observer(name: &str) -> bool {
    name.starts_with("Observer-of-")
}

/// Returns the names of the herds of `fixtures/herds`, sorted.
fn fixture_names() -> Result<Vec<String>> {
    let files = std::fs::read_dir(fixtures::herds()).context("cannot list fixtures/herds")?;
    let mut names: Vec<String> = files
        .filter_map(|file| Some(file.ok()?.path().file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::graphs::Graph;

    #[test]
    fn only_ports_and_limits_change() {
        let file = HerdFile::find("2015-winter").unwrap().at_ports(21_000).unwrap();
        let file = file.with_limits("linger = \"2s\"").unwrap();
        let herd = HerdFile::parse(&file.text(), "again").unwrap().herd;
        assert_eq!(herd.members[4].client.to_string(), "127.0.0.1:21004");
        assert_eq!(herd.members[0].link.to_string(), "127.0.0.1:21005");
        assert_eq!(herd.members[3].neighbours, ["Alford", "Bolden", "Hamilton"]);
        assert_eq!(herd.limits.linger.as_secs(), 2);
    }

    #[test]
    fn the_error_for_an_unknown_herd_lists_the_herds() {
        let error = HerdFile::find("1999-winter").unwrap_err().to_string();
        assert!(error.contains("1999-winter") && error.contains("2014-winter, 2015-winter"), "{error}");
    }

    #[test]
    fn nodes_without_an_admin_port_get_one_above_all_other_ports() {
        let admin = |file: &HerdFile| {
            let ports = file.herd().members.iter().map(|node| node.admin.map(|address| address.port()));
            ports.collect::<Vec<_>>()
        };
        let file = HerdFile::find("2015-winter").unwrap();
        assert_eq!(admin(&file), [None; 5]);
        let built_in = file.with_admin_ports().unwrap();
        assert_eq!(admin(&built_in), [12_585, 12_586, 12_587, 12_588, 12_589].map(Some));
        assert_eq!(admin(&built_in.at_ports(21_000).unwrap()), [None; 5]);
        let moved = built_in.at_ports(21_000).unwrap().with_admin_ports().unwrap();
        assert_eq!(admin(&moved), [21_010, 21_011, 21_012, 21_013, 21_014].map(Some));
        let named = moved.text().replacen(":21010", ":30000", 1);
        let named = HerdFile::parse(&named, "named").unwrap().with_admin_ports().unwrap();
        assert_eq!(admin(&named), [30_000, 21_011, 21_012, 21_013, 21_014].map(Some));
        let generated = Graph::Ring.herd_file(3, 1000);
        let generated = HerdFile::parse(&generated, "generated").unwrap().with_admin_ports().unwrap();
        assert_eq!(admin(&generated), [1006, 1007, 1008].map(Some));
        assert!(file.at_ports(65_522).unwrap().with_admin_ports().is_err());
        assert!(file.at_ports(65_521).unwrap().with_admin_ports().is_ok());
    }

    #[test]
    fn ports_beyond_65535_are_errors() {
        let file = HerdFile::find("2015-winter").unwrap();
        assert!(file.at_ports(65_527).is_err());
        assert!(file.at_ports(65_526).is_ok());
    }
}
