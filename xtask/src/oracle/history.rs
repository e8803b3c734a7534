//! The history of a run: what happened to a herd, as seen by its clients and by the program that
//! injected the faults.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumMessage, EnumString, IntoStaticStr, VariantArray};

use super::leap::Leap;

/// The start of an operator's line that removes a client. The client's id follows.
pub const REMOVE: &str = "REMOVE ";

/// The history of a whole run. A history file has one JSON object on each line: first the setting,
/// then the events, then the endings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The herd and the bounds that it must meet.
    pub setting: Setting,
    /// The events, in the order of their times.
    pub events: Vec<Event>,
    /// The final state of each node, in the order of [`Setting::nodes`]. It was taken after all
    /// faults had ended and the herd had had its time to settle.
    pub endings: Vec<Ending>,
}

/// The herd of a run, and the bounds that it must meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// The names of the nodes. Everything else in a history refers to nodes by their index here.
    pub nodes: Vec<String>,
    /// The number of links when all links are up.
    pub edges: usize,
    /// The number of nodes at which an update enters besides the one that received it, because a
    /// backbone brings it there.
    #[serde(default)]
    pub entries: usize,
    /// Whether nodes keep only some shards of the clients. A node then also answers a question with
    /// `?` if no other node answers it in time.
    #[serde(default)]
    pub divided: bool,
    /// Whether and when a node's records are on disk.
    pub durability: Persistence,
    /// The kind of run.
    pub source: Source,
    /// The longest time in which a live node must answer, in microseconds.
    pub patience: u64,
    /// The most memory that each node may use, in the unit of [`Ending::memory`].
    pub memory: u64,
    /// The time from which the trees must be whole, in microseconds; `None` if the run does not
    /// check that.
    #[serde(default)]
    pub calm: Option<u64>,
    /// The moment at which everything before was to be forgotten, if there was one.
    #[serde(default)]
    pub leap: Option<Leap>,
    /// The command that repeats the run.
    #[serde(default, rename = "again")]
    pub command: String,
}

/// Whether and when a node's records are on disk.
///
/// `herd::server::Durability` is the setting of one node with a data folder. This type describes
/// what a whole herd guarantees, so it includes herds without data folders.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    Display,
    EnumMessage,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Persistence {
    /// Never on disk.
    Memory,
    /// Written to the file before the answer; on disk within about a second.
    Everysec,
    /// On disk before the answer.
    Always,
}

/// The kind of run that a history comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A simulation in virtual time.
    Simulation,
    /// Real processes.
    Processes,
}

/// An event of a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The time, in microseconds since the start of the run.
    pub at: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened in an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum EventKind {
    /// An operation starts: a client sends an IAMAT or a WHATSAT with a bound of 0, or an operator
    /// sends [`REMOVE`] and a client. The node answers a removal with `REMOVED`, the number of
    /// removals and the client, or with `?` if it does not know the client.
    Invoke {
        /// The number of the operation.
        op: u64,
        /// The node that gets the line.
        node: usize,
        /// The line.
        line: String,
    },
    /// An operation is answered.
    Ok {
        /// The number of the operation.
        op: u64,
        /// The first line of the answer.
        answer: String,
    },
    /// The number of removals of the operation's client that the node knew of, if it is not 0. Only
    /// simulations record it, because only they remove clients.
    Removals {
        /// The number of the operation.
        op: u64,
        /// The number of removals.
        removals: u32,
    },
    /// An operation will not be answered. It may or may not have taken effect.
    Info {
        /// The number of the operation.
        op: u64,
    },
    /// A node started.
    Up {
        /// The node.
        node: usize,
    },
    /// A node ended.
    Down {
        /// The node.
        node: usize,
        /// What outlives the end.
        keeps: Keeps,
    },
    /// A fault began.
    FaultBegins {
        /// The number of the fault.
        fault: u64,
        /// The fault's name.
        kind: String,
        /// The nodes that the fault concerns.
        nodes: Vec<usize>,
        /// Whether these nodes may leave their clients unanswered until the fault ends.
        stops_answers: bool,
    },
    /// A fault ended.
    FaultEnds {
        /// The number of the fault.
        fault: u64,
    },
    /// A link came up.
    LinkUp {
        /// The node that saw it.
        node: usize,
        /// The node at the other end of the link.
        neighbour: usize,
    },
    /// A link that was up ended.
    LinkDown {
        /// The node that saw it.
        node: usize,
        /// The node at the other end of the link.
        neighbour: usize,
        /// The reason.
        reason: String,
    },
    /// A node gave an update a sequence that another update already had in the same epoch. Only
    /// simulations record it.
    SequenceReused {
        /// The node.
        node: usize,
        /// The sequence.
        sequence: u64,
        /// The AT line that had the sequence first.
        was: String,
        /// The AT line that has it now.
        is: String,
    },
    /// A node forgot an update at a restart, and no other running node knows it. Only simulations
    /// record it.
    LastCopyLost {
        /// The node.
        node: usize,
        /// The AT line.
        line: String,
        /// The time at which the node had learned the update, in microseconds.
        since: u64,
    },
    /// A node lacked updates that a neighbour had announced, and got them by asking for them. Only
    /// simulations record it.
    Repaired {
        /// The node that lacked them.
        node: usize,
        /// The node that sent them.
        neighbour: usize,
    },
    /// All nodes know what had been acknowledged at any node before `since`. Checked after each
    /// fault.
    Converged {
        /// The time, in microseconds since the start.
        since: u64,
    },
    /// The resources that a node uses.
    Usage {
        /// The node.
        node: usize,
        /// The resident memory, in bytes.
        memory: u64,
        /// The number of open file descriptors.
        files: u64,
    },
    /// A node panicked.
    Panic {
        /// The node.
        node: usize,
        /// The message of the panic.
        message: String,
    },
}

/// The part of a node's records that outlives its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keeps {
    /// Everything written to the file: the process was stopped or killed.
    Disk,
    /// Everything written to the file except a part that the disk damaged. The node may lack any
    /// record until its neighbours have sent it again.
    Damaged,
    /// Everything synced to disk: the machine crashed.
    Synced,
    /// Nothing, or nothing reliable: the disk had failed before.
    Nothing,
}

/// The final state of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// All records of the node, sorted: AT lines, and lines of removed clients.
    pub lines: Vec<String>,
    /// The lines that a node with a disk would lose in a restart. Only simulations fill it.
    pub not_on_disk: Vec<String>,
    /// The number of updates that the node sent on its links, in all of its incarnations.
    #[serde(rename = "said")]
    pub sent: u64,
    /// The number of updates that the node sent since [`Setting::calm`].
    #[serde(default)]
    pub sent_when_calm: u64,
    /// The number of updates that the node received and knew already, in all of its incarnations.
    pub stale: u64,
    /// The number of updates that the node sent after the herd had had its time to settle.
    #[serde(rename = "said_at_rest")]
    pub sent_at_rest: u64,
    /// The most memory that the node used, in the unit of [`Setting::memory`].
    pub memory: u64,
}

/// A line of a history file.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Setting(Setting),
    Event(Event),
    Ending(Ending),
}

impl History {
    /// Makes a history without events and endings.
    pub fn new(setting: Setting) -> History {
        History { setting, events: Vec::new(), endings: Vec::new() }
    }

    /// Adds an event at a time, in microseconds since the start.
    pub fn add(&mut self, at: u64, kind: EventKind) {
        self.events.push(Event { at, kind });
    }

    /// Writes the history to a file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut file = BufWriter::new(file);
        writeln!(file, "{}", serde_json::to_string(&self.setting)?)?;
        for event in &self.events {
            writeln!(file, "{}", serde_json::to_string(event)?)?;
        }
        for ending in &self.endings {
            writeln!(file, "{}", serde_json::to_string(ending)?)?;
        }
        file.flush().with_context(|| format!("cannot write {}", path.display()))
    }

    /// Reads a history from a file.
    ///
    /// # Errors
    /// The file cannot be read, or is not a complete history. The message names the line.
    pub fn read(path: &Path) -> Result<History> {
        let name = path.display();
        let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
        let mut history: Option<History> = None;
        for (index, line) in BufReader::new(file).lines().enumerate() {
            let line = line.with_context(|| format!("cannot read {name}"))?;
            let at =
                || format!("{name}:{}: expected a setting, an event or an ending of a history", index + 1);
            match (serde_json::from_str(&line).with_context(at)?, &mut history) {
                (Line::Setting(setting), None) => history = Some(History::new(setting)),
                (Line::Event(event), Some(history)) => history.events.push(event),
                (Line::Ending(ending), Some(history)) => history.endings.push(ending),
                _ => bail!("{name}:{}: expected exactly one setting, on the first line", index + 1),
            }
        }
        let history = history.with_context(|| format!("{name} is empty: expected a history"))?;
        let (endings, nodes) = (history.endings.len(), history.setting.nodes.len());
        ensure!(endings == nodes, "{name} is incomplete: it has {endings} endings of {nodes} nodes");
        Ok(history)
    }
}
