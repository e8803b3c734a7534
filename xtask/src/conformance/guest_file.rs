//! The guest file: how to run a herd that is not ours, and how its rules differ.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use herd::config::Member;
use herd::nearest::choices;
use serde::Deserialize;

use crate::cluster::herd_file::HerdFile;
use crate::conformance::graphs;
use crate::conformance::rules;

/// A guest: a herd that the suite judges, as its file describes it.
#[derive(Clone, Debug)]
pub struct Guest {
    /// The guest's name, which is also the name of the folder of its report.
    pub name: String,
    /// The folder in which its commands run, as an absolute path.
    pub folder: PathBuf,
    /// The shell commands to run once, in order, before the first start.
    pub build: Vec<String>,
    /// The shell command that runs one node, or all nodes of a herd in one process.
    pub start: String,
    /// The name of the graph.
    pub graph: String,
    /// The graph's nodes, neighbours and addresses, with the program's fixed ports in place.
    pub herd: HerdFile,
    /// Whether the program has its own ports or takes them from its command.
    pub ports: Ports,
    /// Which port neighbours talk over.
    pub links: Links,
    /// Whether `start` runs all nodes at once.
    pub one_process: bool,
    /// Files to write before the start: their paths below `folder`, and their text.
    pub files: BTreeMap<String, String>,
    /// The logs to attach to the report, below `folder`; `{name}` stands for the node's name.
    pub logs: Vec<String>,
    /// How long a node may take until it accepts connections.
    pub ready_within: Duration,
    /// How long an update may take until every node knows it.
    pub flood_within: Duration,
    /// The signal that stops a node.
    pub stop_signal: StopSignal,
    /// Variables for the nodes' environment.
    pub env: BTreeMap<String, String>,
    /// Host names that lead to this machine while the guest runs.
    pub hosts: Vec<String>,
    /// The Places API that the guest asks.
    pub places: PlacesApi,
    /// What the guest's quarter wants differently.
    pub dialect: Dialect,
    /// The points of rules that are not worth one point.
    pub weights: BTreeMap<String, f64>,
}

/// Where a program's client ports come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ports {
    /// The program knows its ports: those of the graph's file or of `fixed_ports`.
    #[default]
    Fixed,
    /// The command has `{port}`, `{client}` or `{file}`.
    Given,
}

/// Which port neighbours talk over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Links {
    /// The port for clients.
    #[default]
    #[serde(rename = "client port")]
    ClientPort,
    /// A port for neighbours alone.
    #[serde(rename = "link port")]
    LinkPort,
}

/// The signal that stops a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StopSignal {
    /// SIGTERM, the default.
    #[default]
    Term,
    /// SIGINT, as Ctrl-C sends.
    Int,
    /// SIGKILL, for programs that ignore the others.
    Kill,
}

/// The Places API that a guest asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlacesApi {
    /// The Nearby Search of 2013: a GET with a query.
    #[default]
    Legacy,
    /// The Places API (New): a POST with JSON.
    New,
    /// None: the guest answers WHATSAT without places.
    None,
}

/// What the page of a quarter says differently from the protocol of this project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialect {
    /// The order of the first two fields of an AT line.
    #[serde(default)]
    pub at: AtOrder,
}

/// The order of the node and the skew in an AT line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum AtOrder {
    /// `AT <node> <skew> ...`.
    #[default]
    #[serde(rename = "server skew")]
    ServerSkew,
    /// `AT <skew> <node> ...`.
    #[serde(rename = "skew server")]
    SkewServer,
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Option<String>,
    #[serde(default = "here")]
    folder: PathBuf,
    #[serde(default)]
    build: Vec<String>,
    start: String,
    #[serde(default = "default_graph")]
    graph: String,
    #[serde(default)]
    ports: Ports,
    #[serde(default)]
    fixed_ports: BTreeMap<String, u16>,
    #[serde(default)]
    links: Links,
    #[serde(default)]
    one_process: bool,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    logs: Vec<String>,
    #[serde(default = "ten_seconds", deserialize_with = "duration")]
    ready_within: Duration,
    #[serde(default = "two_seconds", deserialize_with = "duration")]
    flood_within: Duration,
    #[serde(default)]
    stop_signal: StopSignal,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    places: PlacesApi,
    #[serde(default)]
    dialect: Dialect,
    #[serde(default)]
    weights: BTreeMap<String, f64>,
}

impl Guest {
    /// Reads a guest file.
    ///
    /// # Errors
    /// The file cannot be read, or something in it is wrong. The message names the file, and the
    /// line or the key.
    pub fn read(path: &Path) -> Result<Guest> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the guest file {}", path.display()))?;
        let path = std::path::absolute(path)?;
        Guest::parse(&text, &path).with_context(|| format!("{} is not a guest file", path.display()))
    }

    /// Parses the text of the guest file at `path`, which is absolute and need not exist.
    ///
    /// # Errors
    /// Something in the text is wrong. The message names the line or the key.
    pub fn parse(text: &str, path: &Path) -> Result<Guest> {
        let written: Written = toml::from_str(text)?;
        let folder = path.with_file_name("");
        let mut guest = written.guest(&folder)?;
        if guest.name.is_empty() {
            guest.name = default_name(path);
        }
        // The report's folder has the guest's name.
        let is_one_folder = Path::new(&guest.name).file_name() == Some(OsStr::new(&guest.name));
        ensure!(
            is_one_folder,
            "`name`: {:?} is not the name of a folder: leave out `/` and `..`",
            guest.name
        );
        Ok(guest)
    }

    /// Returns the guest with its program in another folder.
    ///
    /// # Errors
    /// There is no such folder.
    pub fn in_folder(self, folder: &Path) -> Result<Guest> {
        let folder = fs::canonicalize(folder).with_context(|| format!("cannot find {}", folder.display()))?;
        Ok(Guest { folder, ..self })
    }

    /// Returns the nodes in the order of the graph's file.
    pub fn members(&self) -> &[Member] {
        &self.herd.herd().members
    }

    /// Returns the points of a rule.
    pub fn weight(&self, rule: &str) -> f64 {
        self.weights.get(rule).copied().unwrap_or(1.0)
    }
}

impl Written {
    fn guest(self, file_folder: &Path) -> Result<Guest> {
        ensure!(!self.start.trim().is_empty(), "`start` is empty: give the command that runs a node");
        let folder = file_folder.join(&self.folder);
        let folder = fs::canonicalize(&folder)
            .with_context(|| format!("`folder`: cannot find {}", folder.display()))?;
        let herd = graphs::find(&self.graph, file_folder).context("`graph`")?;
        let herd = herd.with_client_ports(&self.fixed_ports).context("`fixed_ports`")?;
        check_weights(&self.weights)?;
        check_files(&self.files)?;
        let names_node = ["{name}", "{client}", "{port}"].iter().any(|word| self.start.contains(word));
        ensure!(
            self.one_process || names_node,
            "`start` would run the same command for every node: write {{name}}, {{port}} or {{client}} in \
             it, or say `one_process = true` if it runs all nodes"
        );
        let takes_ports = ["{client}", "{port}", "{file}"]
            .iter()
            .any(|word| mentions(word, &self.start, &self.files, &self.env));
        ensure!(
            self.ports == Ports::Fixed || takes_ports,
            "`ports = \"given\"`, but `start` has none of {{port}}, {{client}} and {{file}}"
        );
        Ok(Guest {
            name: self.name.unwrap_or_default(),
            folder,
            build: self.build,
            start: self.start,
            graph: herd.herd().name.clone(),
            herd,
            ports: self.ports,
            links: self.links,
            one_process: self.one_process,
            files: self.files,
            logs: self.logs,
            ready_within: self.ready_within,
            flood_within: self.flood_within,
            stop_signal: self.stop_signal,
            env: self.env,
            hosts: self.hosts,
            places: self.places,
            dialect: self.dialect,
            weights: self.weights,
        })
    }
}

/// Whether a placeholder occurs in what a node is started with.
fn mentions(
    word: &str,
    start: &str,
    files: &BTreeMap<String, String>,
    env: &BTreeMap<String, String>,
) -> bool {
    start.contains(word) || files.values().chain(env.values()).any(|text| text.contains(word))
}

fn check_weights(weights: &BTreeMap<String, f64>) -> Result<()> {
    for (name, points) in weights {
        if rules::find(name).is_none() {
            let names = rules::RULES.iter().map(|rule| rule.name);
            let choices = choices(name, "rules", names, "`conformance --list`");
            bail!("[weights]: no rule is called {name}{choices}");
        }
        ensure!(
            points.is_finite() && *points >= 0.0,
            "[weights]: {name} is worth {points} points: 0 or more are possible"
        );
    }
    Ok(())
}

/// Files outside the guest's folder are not written.
fn check_files(files: &BTreeMap<String, String>) -> Result<()> {
    use std::path::Component;
    for name in files.keys() {
        let inside =
            Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        ensure!(inside && !name.is_empty(), "`files`: {name} is not a path below the guest's folder");
    }
    Ok(())
}

/// The name of a file's stem, or of its folder if the stem says nothing.
fn default_name(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = stem.trim_end_matches(".guest").to_owned();
    let folder = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    match folder {
        Some(folder) if stem == "guest" => folder,
        _ => stem,
    }
}

fn here() -> PathBuf {
    PathBuf::from(".")
}

fn default_graph() -> String {
    "2015-winter".to_owned()
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn two_seconds() -> Duration {
    Duration::from_secs(2)
}

/// Reads a duration such as "10s" or "500ms".
fn duration<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text).map_err(|error| {
        serde::de::Error::custom(format!("{text:?} is not a duration such as \"10s\" or \"500ms\": {error}"))
    })
}
