//! The names of a program's nodes, the classroom graph that has them, and their ports.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use regex::Regex;

use super::sources::Source;
use crate::conformance::graphs;

/// The lines below a name that may hold its port, if the name's line opens a value.
const LINES_BELOW: usize = 4;

/// The ports that programs of a class use: those below belong to the system.
const LOWEST_PORT: u16 = 1024;

/// The graph of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Nodes {
    /// The classroom herd with the most names.
    pub(super) graph: &'static str,
    /// The names of its nodes.
    pub(super) names: Vec<String>,
    /// The names that no source mentions.
    pub(super) missing: Vec<String>,
    /// The source that mentions the most names.
    pub(super) source: String,
    /// The port of each node. Empty unless every node has one.
    pub(super) ports: BTreeMap<String, u16>,
    /// Whether `ports` differ from those of the graph.
    pub(super) own_ports: bool,
}

/// Finds the classroom graph whose names the sources mention, or `None` if they mention fewer than
/// three names of any graph.
///
/// # Errors
/// A classroom herd cannot be read.
pub(super) fn find(sources: &[Source]) -> Result<Option<Nodes>> {
    let mut best: Option<Nodes> = None;
    for graph in graphs::classroom_names() {
        let herd = graphs::find(graph, Path::new(""))?;
        let members = &herd.herd().members;
        let names: Vec<String> = members.iter().map(|member| member.name.clone()).collect();
        let missing: Vec<String> =
            names.iter().filter(|name| !is_mentioned(name, sources)).cloned().collect();
        let found = names.len() - missing.len();
        if found < 3 || best.as_ref().is_some_and(|best| best.missing.len() <= missing.len()) {
            continue;
        }
        let count = |source: &&Source| names.iter().filter(|name| has_word(&source.text, name)).count();
        // `max_by_key` returns the last maximum, and the first sources matter most.
        let source = sources.iter().rev().max_by_key(count).map(|source| source.path.clone());
        let ports = ports(&names, sources)?;
        let own_ports = members
            .iter()
            .any(|member| ports.get(&member.name).is_some_and(|port| *port != member.client.port()));
        let source = source.unwrap_or_default();
        best = Some(Nodes { graph, names, missing, source, ports, own_ports });
    }
    Ok(best)
}

fn is_mentioned(name: &str, sources: &[Source]) -> bool {
    sources.iter().any(|source| has_word(&source.text, name))
}

/// Returns whether `text` has `word` with no letter or digit beside it.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let behind = text[at + word.len()..].chars().next();
        [before, behind].into_iter().flatten().all(|other| !other.is_alphanumeric())
    })
}

/// Returns the ports that the first source with a port for every name gives them.
fn ports(names: &[String], sources: &[Source]) -> Result<BTreeMap<String, u16>> {
    let alternatives = names.join("|");
    let name = Regex::new(&format!(r"(?i)\b(?:port_)?({alternatives})(?:_(?:client_)?port)?\b"))?;
    let number = Regex::new(r"\b[1-9][0-9]{3,4}\b")?;
    for source in sources {
        let ports = ports_in(names, &source.text, &name, &number);
        let distinct: BTreeSet<u16> = ports.values().copied().collect();
        if ports.len() == names.len() && distinct.len() == names.len() {
            return Ok(ports);
        }
    }
    Ok(BTreeMap::new())
}

/// Returns the port that stands beside each name in a text, before the next name.
fn ports_in(names: &[String], text: &str, name: &Regex, number: &Regex) -> BTreeMap<String, u16> {
    let mut ports = BTreeMap::new();
    let found: Vec<_> =
        name.captures_iter(text).filter_map(|found| Some((found.get(0)?, found.get(1)?))).collect();
    for (index, (whole, word)) in found.iter().enumerate() {
        let end = found.get(index + 1).map_or(text.len(), |(next, _)| next.start());
        let Some(name) = names.iter().find(|name| name.eq_ignore_ascii_case(word.as_str())) else { continue };
        let beside = beside(&text[whole.end()..end]);
        let port = number.find_iter(beside).find_map(|port| port.as_str().parse::<u16>().ok());
        if let Some(port) = port.filter(|port| *port >= LOWEST_PORT) {
            ports.entry(name.clone()).or_insert(port);
        }
    }
    ports
}

/// Returns the rest of a name's line, and the lines below it if the line opens a value.
fn beside(text: &str) -> &str {
    let line = text.find('\n').unwrap_or(text.len());
    if !text[..line].trim_end().ends_with(['{', '(', '[', ':']) {
        return &text[..line];
    }
    let end = text.match_indices('\n').nth(LINES_BELOW).map_or(text.len(), |(at, _)| at);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<Nodes> {
        let source = Source { path: "config.py".to_owned(), text: text.to_owned() };
        find(&[source]).unwrap()
    }

    #[test]
    fn the_graph_is_the_one_whose_names_the_sources_have() {
        let nodes = found("NAMES = ['Goloman', 'Hands', 'Holiday', 'Welsh', 'Wilkes']").unwrap();
        assert_eq!((nodes.graph, nodes.missing.len(), nodes.ports.len()), ("2018-winter", 0, 0));
        let nodes = found("Alford Bolden Hamilton Parker Welsh").unwrap();
        assert_eq!((nodes.graph, nodes.source.as_str()), ("2016-winter", "config.py"));
        let nodes = found("Clark Bona Campbell Bailey").unwrap();
        assert_eq!((nodes.graph, nodes.missing), ("2023-winter", vec!["Jaquez".to_owned()]));
        assert_eq!(found("Handsome Goloman Wilkes"), None);
    }

    #[test]
    fn ports_are_found_beside_the_names() {
        let names = ["Goloman", "Hands", "Holiday", "Welsh", "Wilkes"];
        let written: [fn(&str, usize) -> String; 8] = [
            |name, port| format!("'{name}': {port},\n"),
            |name, port| format!("{name} = {port}\n"),
            |name, port| format!("{}_PORT = {port}\n", name.to_uppercase()),
            |name, port| format!("  \"{name}\" => {{\"127.0.0.1\", {port}}},\n"),
            |name, port| format!("{{ name: '{name}', port: {port} }},\n"),
            |name, port| format!("if name == '{name}':\n    return {port}\n"),
            |name, port| format!("\"{name}\": {{\n  \"host\": \"127.0.0.1\",\n  \"port\": {port}\n}},\n"),
            |name, port| format!("{name}=('127.0.0.1', {port}), "),
        ];
        for write in written {
            let lines: String = names.iter().zip(11_995..).map(|(name, port)| write(name, port)).collect();
            // A map of neighbours that comes first has no ports.
            let text = format!("LINKS = {{'Goloman': ['Hands', 'Wilkes'], 'Hands': ['Wilkes']}}\n{lines}");
            let nodes = found(&text).unwrap();
            let ports: Vec<u16> = names.iter().filter_map(|name| nodes.ports.get(*name).copied()).collect();
            assert_eq!(ports, [11_995, 11_996, 11_997, 11_998, 11_999], "{lines}");
            assert!(nodes.own_ports);
        }
    }

    #[test]
    fn one_node_without_a_port_means_that_the_ports_are_not_known() {
        let text = "Goloman = 12000\nHands = 12001\nHoliday = 12002\nWelsh = 12003\nWilkes = base + 4\n";
        assert!(found(text).unwrap().ports.is_empty());
        let same = text.replace("base + 4", "12003");
        assert!(found(&same).unwrap().ports.is_empty());
    }
}
