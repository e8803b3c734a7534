//! Herd files as the harness changes them: other ports, other bounds, everything else as it was.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, bail};
use herd::config::{Herd, LinksTable};
use toml::{Table, Value};

/// Where a herd file names files: tables, and keys in them.
const FILES: [(&str, &str); 6] = [
    ("places", "key_file"),
    ("links", "ca"),
    ("links", "cert"),
    ("links", "key"),
    ("clients", "cert"),
    ("clients", "key"),
];

/// A herd, and the table that its file is written from.
#[derive(Clone, Debug)]
pub struct HerdFile {
    herd: Herd,
    table: Table,
}

impl HerdFile {
    /// Reads a herd of `fixtures/herds` by its name, or any herd file by its path.
    ///
    /// # Errors
    /// There is no such herd (the message lists those there are), or its file is wrong.
    pub fn find(name: &str) -> Result<HerdFile> {
        let fixture = fixtures::herds().join(format!("{name}.toml"));
        let path = if fixture.exists() { &fixture } else { Path::new(name) };
        if !path.exists() {
            bail!(
                "there is no herd file {name}, and no herd of that name: there are {}",
                names()?.join(", ")
            );
        }
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut file = HerdFile::parse(&text, &path.display().to_string())?;
        let folder = std::path::absolute(path)?.with_file_name("");
        file.name_files_from(&folder);
        Ok(file)
    }

    /// Files named relative to `folder` are named in full: the harness writes the herd file elsewhere.
    fn name_files_from(&mut self, folder: &Path) {
        for (table, key) in FILES {
            let value = self.table.get_mut(table).and_then(|table| table.get_mut(key));
            if let Some(Value::String(file)) = value {
                *file = folder.join(&*file).display().to_string();
            }
        }
    }

    /// Reads the text of a herd file; `file` names it in messages.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, file: &str) -> Result<HerdFile> {
        Ok(HerdFile { herd: Herd::parse(text, file)?, table: text.parse()? })
    }

    /// The same herd with clients at ports from `first_port` on loopback, and links behind them. Its nodes have no admin
    /// ports of their own then: those of the file may be taken.
    ///
    /// # Errors
    /// The ports go beyond 65535.
    pub fn at_ports(&self, first_port: u16) -> Result<HerdFile> {
        let mut table = self.table.clone();
        let nodes = table.get_mut("node").and_then(Value::as_array_mut).context("a herd has nodes")?;
        let count = u16::try_from(nodes.len())?;
        if usize::from(first_port) + 2 * nodes.len() > usize::from(u16::MAX) + 1 {
            bail!("{count} nodes need {} ports: {first_port} and what follows are not enough", 2 * count);
        }
        for (node, port) in nodes.iter_mut().zip(first_port..) {
            node["client"] = Value::from(format!("127.0.0.1:{port}"));
            set_link(node, format!("127.0.0.1:{}", port + count));
            remove(node, "admin");
        }
        HerdFile::parse(&table.to_string(), "the herd at other ports")
    }

    /// The same herd, in which nodes without an admin port have one on loopback, behind the highest port of all nodes.
    ///
    /// # Errors
    /// The ports go beyond 65535.
    pub fn with_admin_ports(&self) -> Result<HerdFile> {
        let mut table = self.table.clone();
        let nodes = table.get_mut("node").and_then(Value::as_array_mut).context("a herd has nodes")?;
        let addresses =
            self.herd.members.iter().flat_map(|node| [Some(node.client), Some(node.link), node.admin]);
        let highest = addresses.flatten().map(|address| address.port()).max().unwrap_or_default();
        let mut ports = highest..=u16::MAX;
        ports.next();
        for node in
            nodes.iter_mut().filter_map(Value::as_table_mut).filter(|node| !node.contains_key("admin"))
        {
            let port = ports.next().with_context(|| {
                format!("no port is left for admin ports above {highest}: choose lower ones, or name `admin` in the herd file")
            })?;
            node.insert("admin".to_owned(), Value::from(format!("127.0.0.1:{port}")));
        }
        HerdFile::parse(&table.to_string(), "the herd with admin ports")
    }

    /// The same herd with other link addresses of the nodes named.
    ///
    /// # Errors
    /// Two nodes would have the same one.
    pub fn with_links<'a>(&self, links: impl IntoIterator<Item = (&'a str, SocketAddr)>) -> Result<HerdFile> {
        let mut table = self.table.clone();
        let nodes = table.get_mut("node").and_then(Value::as_array_mut).context("a herd has nodes")?;
        for (name, address) in links {
            for node in nodes.iter_mut().filter(|node| node["name"].as_str() == Some(name)) {
                set_link(node, address.to_string());
            }
        }
        HerdFile::parse(&table.to_string(), "the herd with other links")
    }

    /// The same herd with the bounds of a `[limits]` table's text.
    ///
    /// # Errors
    /// The text is no such table.
    pub fn with_limits(&self, limits: &str) -> Result<HerdFile> {
        let mut table = self.table.clone();
        table.insert("limits".to_owned(), Value::Table(limits.parse()?));
        HerdFile::parse(&table.to_string(), "the herd with other limits")
    }

    /// The same herd for a Places service that costs nothing: requests to it have no limit.
    ///
    /// # Errors
    /// `limits` is not a table.
    pub fn with_free_places(&self) -> Result<HerdFile> {
        let mut table = self.table.clone();
        let limits = table.entry("limits").or_insert_with(|| Value::Table(Table::new()));
        let limits = limits.as_table_mut().context("limits are a table")?;
        for window in ["places_per_minute", "places_per_day"] {
            limits.insert(window.to_owned(), Value::from("off"));
        }
        HerdFile::parse(&table.to_string(), "the herd with free places")
    }

    /// The same herd with one more neighbour for every node, named after it, that somebody can be who only watches.
    ///
    /// # Errors
    /// The ports of the observers, a thousand above the nodes', go beyond 65535.
    pub fn with_observers(&self) -> Result<HerdFile> {
        let mut herd = self.herd.clone();
        let mut observers = herd.members.clone();
        for (node, observer) in herd.members.iter_mut().zip(&mut observers) {
            let name = observer_of(&node.name);
            node.neighbours.push(name.clone());
            observer.neighbours = vec![std::mem::replace(&mut observer.name, name)];
            observer.admin = None;
            for address in [&mut observer.client, &mut observer.link] {
                address.set_port(address.port().checked_add(1000).context("ports end at 65535")?);
            }
        }
        herd.members.extend(observers);
        HerdFile::parse(&herd.to_string(), "the observed herd")
    }

    /// The herd.
    pub fn herd(&self) -> &Herd {
        &self.herd
    }

    /// Whether it names certificates for links.
    pub fn has_certificates(&self) -> bool {
        self.herd.links != LinksTable::default()
    }

    /// The text of the file.
    pub fn text(&self) -> String {
        self.table.to_string()
    }
}

/// Has a node listen for neighbours, and be dialled by them, at an address.
fn set_link(node: &mut Value, address: String) {
    node["link"] = Value::from(address);
    remove(node, "advertise");
}

fn remove(node: &mut Value, key: &str) {
    if let Some(node) = node.as_table_mut() {
        node.remove(key);
    }
}

/// The name of a node's observer.
pub fn observer_of(node: &str) -> String {
    format!("Observer-of-{node}")
}

/// Whether a node is an observer.
pub fn is_observer(name: &str) -> bool {
    name.starts_with("Observer-of-")
}

/// The names of the herds of `fixtures/herds`.
fn names() -> Result<Vec<String>> {
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
    fn ports_and_limits_change_and_nothing_else_does() {
        let file = HerdFile::find("2015-winter").unwrap().at_ports(21_000).unwrap();
        let file = file.with_limits("linger = \"2s\"").unwrap();
        let herd = HerdFile::parse(&file.text(), "again").unwrap().herd;
        assert_eq!(herd.members[4].client.to_string(), "127.0.0.1:21004");
        assert_eq!(herd.members[0].link.to_string(), "127.0.0.1:21005");
        assert_eq!(herd.members[3].neighbours, ["Alford", "Bolden", "Hamilton"]);
        assert_eq!(herd.limits.linger.as_secs(), 2);
    }

    #[test]
    fn an_unknown_herd_is_answered_by_those_there_are() {
        let error = HerdFile::find("1999-winter").unwrap_err().to_string();
        assert!(error.contains("1999-winter") && error.contains("2014-winter, 2015-winter"), "{error}");
    }

    #[test]
    fn admin_ports_follow_the_others_where_the_file_names_none() {
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
    fn ports_beyond_the_last_are_refused() {
        let file = HerdFile::find("2015-winter").unwrap();
        assert!(file.at_ports(65_527).is_err());
        assert!(file.at_ports(65_526).is_ok());
    }
}
