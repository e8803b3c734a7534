//! The text of a guest file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use regex::Regex;
use toml::Value;

use super::api_key::ApiKey;
use super::nodes::{Nodes, has_word};
use super::program::Program;
use super::sources::Source;

/// What a program's sources show.
#[derive(Clone, Debug)]
pub(super) struct Findings {
    /// The guest's name.
    pub(super) name: String,
    /// The program's folder, relative to the guest file.
    pub(super) folder: String,
    /// The program.
    pub(super) program: Program,
    /// Its sources.
    pub(super) sources: Vec<Source>,
    /// Its nodes, if a classroom graph has them.
    pub(super) nodes: Option<Nodes>,
    /// Where it finds its key.
    pub(super) key: ApiKey,
    /// Folders that it writes to and that are not there.
    pub(super) missing_folders: Vec<String>,
}

/// Returns the folders of log files that the sources name and that are not in `folder`.
///
/// # Errors
/// A pattern is wrong.
pub(super) fn missing_folders(folder: &Path, sources: &[Source]) -> Result<Vec<String>> {
    let log = Regex::new(r#"["'](?:\./)?([\w-]+)/[^"'\n/]*(?:\.log|\.txt)?["']\s*(?:\+|%|\.format|,|\))"#)?;
    let mut folders = BTreeSet::new();
    for found in sources.iter().flat_map(|source| log.captures_iter(&source.text)) {
        let name = &found[1];
        if name.to_lowercase().contains("log") && !folder.join(name).exists() {
            folders.insert(name.to_owned());
        }
    }
    Ok(folders.into_iter().collect())
}

impl Findings {
    /// Returns the guest file.
    pub(super) fn text(&self) -> String {
        let kind = self.program.kind;
        let mut text = comment(&format!(
            "How the conformance suite runs this program, {kind}. Everything but `start` has a default. Lines \
             with CHECK are guesses."
        ));
        text += &format!("\nname = {}\n\n", quoted(&self.name));
        text += &comment("The folder in which commands run, relative to this file.");
        text += &format!("folder = {}\n", quoted(&self.folder));
        text += &self.build();
        text += &self.start();
        text += &self.graph();
        text += &self.ports();
        text += &self.key();
        text += &self.rest();
        text
    }

    fn build(&self) -> String {
        let mut build = self.program.build.clone();
        if !self.missing_folders.is_empty() {
            build.push(format!("mkdir -p {}", self.missing_folders.join(" ")));
        }
        let note = comment("Commands that run once in a copy of the folder, before the network is cut off.");
        if build.is_empty() {
            return format!("\n{note}# build = [\"make\"]\n");
        }
        let lines: String = build.iter().map(|line| format!("    {},\n", quoted(line))).collect();
        format!("\n{note}build = [\n{lines}]\n")
    }

    /// Whether one process has all nodes: nothing tells the program which node it is.
    fn is_one_process(&self) -> bool {
        let all_named = self.nodes.as_ref().is_some_and(|nodes| nodes.missing.is_empty());
        all_named && self.program.arguments.seen.is_none() && self.ports_given().is_none()
    }

    fn start(&self) -> String {
        let Program { command, arguments, .. } = &self.program;
        let mut text = comment(
            "The command that runs one node. {name} stands for the node's name, {port} for its port, \
             {client} and {link} for its addresses, {file} for a herd file.",
        );
        if self.is_one_process() {
            text += &comment("CHECK: no source takes a name, so one process seems to run all nodes.");
            return format!("\n{text}start = {}\none_process = true\n", quoted(command));
        }
        let words = match &arguments.seen {
            Some(seen) => {
                text += &comment(&format!("{}.", seen.trim_end_matches('.')));
                arguments.words.as_str()
            }
            None => {
                text += &comment("CHECK: no source shows how the program learns which node it is.");
                " {name}"
            }
        };
        format!("\n{text}start = {}\n", quoted(&format!("{}{command}{words}", arguments.variables)))
    }

    fn graph(&self) -> String {
        let (note, graph) = match &self.nodes {
            None if self.ports_given() == Some("{file}") => {
                ("The program reads its herd from a file, so any graph will do.".to_owned(), "2015-winter")
            }
            None => (
                "CHECK: the sources have the names of no classroom herd. `graph` is the name of one, or \
                 the path of a herd file with this program's nodes."
                    .to_owned(),
                "2015-winter",
            ),
            Some(nodes) if nodes.missing.is_empty() => {
                (format!("The classroom herd whose names are in {}.", nodes.source), nodes.graph)
            }
            Some(nodes) => {
                let missing = nodes.missing.join(", ");
                (format!("CHECK: the nearest classroom herd; no source has {missing}."), nodes.graph)
            }
        };
        format!("\n{}graph = {}\n", comment(&note), quoted(graph))
    }

    /// The placeholder that gives the program its port, if one does.
    fn ports_given(&self) -> Option<&'static str> {
        let arguments = &self.program.arguments;
        let given = [arguments.variables.as_str(), arguments.words.as_str()].concat();
        ["{port}", "{client}", "{file}"].into_iter().find(|word| given.contains(word))
    }

    fn ports(&self) -> String {
        let no_ports = BTreeMap::new();
        let ports = self.nodes.as_ref().map_or(&no_ports, |nodes| &nodes.ports);
        if let Some(word) = self.ports_given() {
            let note = format!("The command gives each node its port: {word}.");
            return format!("\n{}ports = \"given\"\n{}", comment(&note), self.links());
        }
        let own = self.nodes.as_ref().filter(|nodes| nodes.own_ports);
        if let Some(nodes) = own {
            let pairs: Vec<String> =
                nodes.names.iter().map(|name| format!("{name} = {}", nodes.ports[name])).collect();
            let note = comment("The program has its own ports, which are beside the names in its sources.");
            return format!("\n{note}ports = \"fixed\"\nfixed_ports = {{ {} }}\n", pairs.join(", "));
        }
        if !ports.is_empty() {
            let note = comment("The program has its own ports: those of the classroom herd.");
            return format!("\n{note}ports = \"fixed\"\n");
        }
        let note = comment(
            "CHECK: no source has a port beside each name. Without `fixed_ports` the ports are those of \
             the classroom herd, 12480 to 12484. If the command can give the port, write {port} in `start` \
             and ports = \"given\".",
        );
        format!("\n{note}ports = \"fixed\"\n# fixed_ports = {{ NAME = 12000 }}\n")
    }

    /// Programs that are given a herd file may talk to neighbours at its `link` addresses.
    fn links(&self) -> &'static str {
        let takes_file = self.program.arguments.words.contains("{file}");
        if takes_file && self.sources.iter().any(|source| has_word(&source.text, "link")) {
            return "\n# CHECK: neighbours seem to talk over a separate port.\nlinks = \"link port\"\n";
        }
        ""
    }

    fn key(&self) -> String {
        let mut text = comment(&self.key.remark);
        let table = |values: &BTreeMap<String, String>| {
            let pairs = values.iter().map(|(key, value)| format!("{} = {}", quoted(key), quoted(value)));
            pairs.collect::<Vec<String>>().join(", ")
        };
        if !self.key.files.is_empty() {
            text +=
                &comment("Files that the suite writes before the start. {key} is the key of its service.");
            text += &format!("files = {{ {} }}\n", table(&self.key.files));
        }
        if !self.key.env.is_empty() {
            text += &comment("Variables of the nodes' environment. {key} is the key of the suite's service.");
            text += &format!("env = {{ {} }}\n", table(&self.key.env));
        }
        format!("\n{text}")
    }

    fn rest(&self) -> String {
        let has = |word: &str| self.sources.iter().any(|source| source.text.contains(word));
        let (places, note) = if has("places.googleapis.com") {
            ("new", "The program asks the Places API (New).")
        } else if has("googleapis.com") || has("nearbysearch") {
            ("legacy", "The program asks the Nearby Search of the legacy Places API.")
        } else {
            (
                "none",
                "CHECK: no source names Google's service. \"legacy\" and \"new\" are the two that there are.",
            )
        };
        let logs = if has(".log") {
            let folders = self.missing_folders.iter().map(|folder| quoted(&format!("{folder}/{{name}}.log")));
            let logs: Vec<String> = [quoted("{name}.log")].into_iter().chain(folders).collect();
            format!("logs = [{}]\n", logs.join(", "))
        } else {
            "# logs = [\"{name}.log\"]\n".to_owned()
        };
        format!(
            "\n{}places = \"{places}\"\n\n{}{logs}\n{}# ready_within = \"10s\"\n# flood_within = \"2s\"\n",
            comment(note),
            comment("Logs to attach to the report, relative to the folder."),
            comment("How long a node may take to accept connections, and an update to reach every node."),
        )
    }
}

/// Returns a text as a TOML string.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Returns a text as lines of comment, wrapped at 80 columns.
fn comment(text: &str) -> String {
    let mut lines = String::new();
    let mut line = "#".to_owned();
    for word in text.split_whitespace() {
        if line.len() + word.len() > 79 {
            lines += &format!("{line}\n");
            line = "#".to_owned();
        }
        line += &format!(" {word}");
    }
    lines + &line + "\n"
}
