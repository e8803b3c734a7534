//! Herds that the backbone joins, as one herd file for the harness and one for each node.
//!
//! The harness runs all nodes as one herd whose parts have no links between them. Each node gets
//! the herd file of its region alone.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use toml::{Table, Value};

use crate::cluster::herd_file::HerdFile;
use crate::cluster::processes::Setup;

/// The settings of the backbone, which are the same in all regions.
#[derive(Clone, Debug)]
pub struct Backbone {
    /// The URLs of the servers.
    pub urls: Vec<String>,
    /// The URLs for single regions instead, by their names: those of a proxy before the servers.
    pub urls_of: BTreeMap<String, Vec<String>>,
    /// The name of the stream.
    pub stream: String,
    /// How many servers keep it.
    pub replicas: usize,
    /// Whether all nodes read what other regions have received, and not only two of each region, so
    /// that any node can be killed.
    pub all_read: bool,
    /// Further keys of the `[backbone]` table.
    pub keys: Table,
}

/// Herds in several regions.
#[derive(Clone, Debug)]
pub struct JoinedHerds {
    /// All nodes. There are no links between regions.
    pub file: HerdFile,
    /// The names of the nodes of each region, by its name.
    pub regions: BTreeMap<String, Vec<String>>,
}

impl JoinedHerds {
    /// Returns the herd file of each node, which has its region alone. `views` are the herd files
    /// of single nodes, if they differ from that of all nodes.
    ///
    /// # Errors
    /// A herd file is not valid.
    pub fn views(
        &self,
        views: &BTreeMap<String, HerdFile>,
        backbone: &Backbone,
    ) -> Result<BTreeMap<String, HerdFile>> {
        let mut all = BTreeMap::new();
        for (region, nodes) in &self.regions {
            for node in nodes {
                let file = views.get(node).unwrap_or(&self.file);
                all.insert(node.clone(), view_of(file, region, nodes, backbone)?);
            }
        }
        Ok(all)
    }

    /// Returns how to run all nodes with a program, joined by the backbone.
    ///
    /// # Errors
    /// A herd file is not valid.
    pub fn setup(self, backbone: &Backbone, program: PathBuf, folder: PathBuf) -> Result<Setup> {
        let views = self.views(&BTreeMap::new(), backbone)?;
        Ok(Setup { views, ..Setup::clean(self.file, program, folder) })
    }
}

/// Returns `count` copies of a herd, each in its own region. The nodes of the second copy have
/// names that end with `-2`, and so on.
///
/// # Errors
/// The ports of all nodes together go beyond 65535.
pub fn copies(file: &HerdFile, count: u16, first_port: u16) -> Result<JoinedHerds> {
    let mut table = file.table().clone();
    let nodes = nodes_of(&table)?;
    let mut all = Vec::new();
    let mut regions = BTreeMap::new();
    for copy in 1..=count {
        let renamed = |name: &str| if copy == 1 { name.to_owned() } else { format!("{name}-{copy}") };
        let mut names = Vec::new();
        for node in &nodes {
            let mut node = node.clone();
            let name = renamed(node["name"].as_str().context("a node has no name")?);
            for neighbour in node["neighbours"].as_array_mut().into_iter().flatten() {
                let other = renamed(neighbour.as_str().unwrap_or_default());
                *neighbour = Value::from(other);
            }
            node["name"] = Value::from(name.clone());
            // These are given again, since no two nodes have the same ones.
            for (key, number) in [("client", 0), ("link", 1)] {
                let port = 2 * all.len() + number + 1;
                node[key] = Value::from(format!("127.0.0.1:{port}"));
            }
            if let Some(node) = node.as_table_mut() {
                node.remove("admin");
                node.remove("metrics");
                node.remove("advertise");
            }
            names.push(name);
            all.push(node);
        }
        regions.insert(format!("region-{copy}"), names);
    }
    table.insert("node".to_owned(), Value::Array(all));
    let file = HerdFile::parse(&table.to_string(), "the herds of all regions")?.at_ports(first_port)?;
    Ok(JoinedHerds { file, regions })
}

/// Returns a herd that is cut into two regions. As far as possible, each half has its links and is
/// connected.
///
/// # Errors
/// The herd has fewer than two nodes.
pub fn halves(file: &HerdFile) -> Result<JoinedHerds> {
    let members = &file.herd().members;
    ensure!(members.len() > 1, "a herd of one node cannot be cut in two");
    // Nodes join the first half along links, until it has half of them.
    let mut west = vec![members[0].name.clone()];
    while west.len() < members.len() / 2 {
        let is_next = |name: &&String| !west.contains(name);
        let linked = members.iter().filter(|member| west.contains(&member.name));
        let next = linked.flat_map(|member| &member.neighbours).rfind(is_next).cloned();
        let any = || members.iter().map(|member| &member.name).find(is_next).cloned();
        west.extend(next.or_else(any));
    }
    let names = members.iter().map(|member| member.name.clone());
    let (west, east): (Vec<String>, Vec<String>) = names.partition(|name| west.contains(name));
    cut(file, BTreeMap::from([("west".to_owned(), west), ("east".to_owned(), east)]))
}

/// Returns a herd without the links between regions.
///
/// # Errors
/// The herd file has no nodes.
pub fn cut(file: &HerdFile, regions: BTreeMap<String, Vec<String>>) -> Result<JoinedHerds> {
    let mut table = file.table().clone();
    for node in table.get_mut("node").and_then(Value::as_array_mut).into_iter().flatten() {
        let is_in = |names: &&Vec<String>| names.iter().any(|name| node["name"].as_str() == Some(name));
        let region = regions.values().find(is_in);
        if let Some(neighbours) = node.get_mut("neighbours").and_then(Value::as_array_mut) {
            let is_here = |other: &Value| {
                region.is_some_and(|names| names.iter().any(|name| other.as_str() == Some(name)))
            };
            neighbours.retain(is_here);
        }
    }
    let file = HerdFile::parse(&table.to_string(), "the herd that is cut into regions")?;
    Ok(JoinedHerds { file, regions })
}

/// Returns the herd file of a region: its nodes, and the backbone.
fn view_of(file: &HerdFile, region: &str, nodes: &[String], backbone: &Backbone) -> Result<HerdFile> {
    let mut table = file.table().clone();
    let is_here = |node: &Value| nodes.iter().any(|name| node["name"].as_str() == Some(name));
    let own: Vec<Value> = nodes_of(&table)?.into_iter().filter(is_here).collect();
    table.insert("node".to_owned(), Value::Array(own));
    let mut settings = backbone.keys.clone();
    let urls = backbone.urls_of.get(region).unwrap_or(&backbone.urls);
    settings.insert("nats".to_owned(), Value::from(urls.clone()));
    settings.insert("region".to_owned(), Value::from(region));
    settings.insert("stream".to_owned(), Value::from(backbone.stream.as_str()));
    settings.insert("replicas".to_owned(), Value::from(i64::try_from(backbone.replicas)?));
    if backbone.all_read {
        settings.insert("reads".to_owned(), Value::from(nodes.to_vec()));
    }
    table.insert("backbone".to_owned(), Value::Table(settings));
    HerdFile::parse(&table.to_string(), "the herd of a region")
}

fn nodes_of(table: &Table) -> Result<Vec<Value>> {
    let nodes = table.get("node").and_then(Value::as_array);
    Ok(nodes.context("the herd file has no [[node]] tables")?.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backbone() -> Backbone {
        let urls = vec!["nats://127.0.0.1:4222".to_owned()];
        let stream = "herd".to_owned();
        Backbone { urls, urls_of: BTreeMap::new(), stream, replicas: 1, all_read: true, keys: Table::new() }
    }

    #[test]
    fn the_halves_of_a_herd_have_no_links_with_each_other() {
        let halves = halves(&HerdFile::find("2015-winter").unwrap()).unwrap();
        assert_eq!(halves.regions["west"], ["Alford", "Powell"]);
        assert_eq!(halves.regions["east"], ["Bolden", "Hamilton", "Parker"]);
        let neighbours = |name: &str| halves.file.herd().member(name).unwrap().neighbours.clone();
        assert_eq!(neighbours("Alford"), ["Powell"]);
        assert_eq!(neighbours("Parker"), ["Bolden", "Hamilton"]);
        let views = halves.views(&BTreeMap::new(), &backbone()).unwrap();
        let east = views["Parker"].herd();
        assert_eq!(east.members.len(), 3);
        let table = east.backbone.as_ref().unwrap();
        assert_eq!(table.region.as_deref(), Some("east"));
        assert_eq!(table.reads.as_deref(), Some(&halves.regions["east"][..]));
        let proxied = vec!["nats://127.0.0.1:5222".to_owned()];
        let urls_of = BTreeMap::from([("west".to_owned(), proxied.clone())]);
        let views = halves.views(&BTreeMap::new(), &Backbone { urls_of, ..backbone() }).unwrap();
        let urls = |node: &str| views[node].herd().backbone.as_ref().unwrap().nats.clone();
        assert_eq!((urls("Alford"), urls("Parker")), (proxied, backbone().urls));
    }

    #[test]
    fn the_copies_of_a_herd_have_their_own_names_and_ports() {
        let copies = copies(&HerdFile::find("2015-winter").unwrap(), 3, 21_000).unwrap();
        let herd = copies.file.herd();
        assert_eq!(herd.members.len(), 15);
        assert_eq!(copies.regions["region-3"][0], "Alford-3");
        assert_eq!(herd.member("Alford-3").unwrap().neighbours, ["Parker-3", "Powell-3"]);
        assert_eq!(herd.member("Powell-3").unwrap().client.port(), 21_014);
        let views = copies.views(&BTreeMap::new(), &backbone()).unwrap();
        assert_eq!(views["Bolden-2"].herd().members.len(), 5);
    }
}
