//! What happened to a herd, as its clients and whoever broke it saw it.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumMessage, EnumString, IntoStaticStr, VariantArray};

/// What an operator says to have a client removed.
pub const REMOVE: &str = "REMOVE ";

/// A whole run. As a file: one JSON object a line, the setting first, then the events, then the endings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// What ran.
    pub setting: Setting,
    /// What happened, in the order in which it did.
    pub events: Vec<Event>,
    /// What each node was like in the end, in the order of the setting: when all faults were over, and the time that a
    /// herd may take to settle.
    pub endings: Vec<Ending>,
}

/// What ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// The names of the nodes. Elsewhere nodes are indices into this list.
    pub nodes: Vec<String>,
    /// How many links there are when all are up.
    pub edges: usize,
    /// When what a node knows is on disk.
    pub durability: Durability,
    /// What was run.
    pub source: Source,
    /// How long a live node may take to answer, in microseconds.
    pub patience: u64,
    /// How much memory each node may take, in the unit of [`Ending::memory`].
    pub memory: u64,
    /// The command that does the same again.
    #[serde(default)]
    pub again: String,
}

/// When what a node knows is on disk.
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
pub enum Durability {
    /// Never.
    Memory,
    /// Handed to the system before the answer, on disk within about a second.
    Everysec,
    /// On disk before the answer.
    Always,
}

/// What was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The core, in virtual time.
    Simulation,
    /// Real processes.
    Processes,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When, in microseconds since the start.
    pub at: u64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// A client says a line: an IAMAT, or a WHATSAT with a bound of 0. Or an operator does: [`REMOVE`] and a client, answered by
    /// `REMOVED`, the number of removals and the client; or by `?` where that is not known.
    Invoke {
        /// Numbers the operations.
        op: u64,
        /// To which node.
        node: usize,
        /// The line.
        line: String,
    },
    /// It is answered.
    Ok {
        /// Which operation.
        op: u64,
        /// The answer's first line.
        answer: String,
    },
    /// So often had the client that an operation is about been removed, as far as its node knew. Noted if that is not 0. Only
    /// simulations see that, and only they remove clients.
    Removals {
        /// Which operation.
        op: u64,
        /// How often.
        removals: u32,
    },
    /// It will not be answered: whether it took effect is not known.
    Info {
        /// Which operation.
        op: u64,
    },
    /// A node has started.
    Up {
        /// Which.
        node: usize,
    },
    /// A node has ended.
    Down {
        /// Which.
        node: usize,
        /// What it will know at its next start.
        keeps: Keeps,
    },
    /// Something was broken.
    FaultBegins {
        /// Numbers the faults.
        fault: u64,
        /// What.
        kind: String,
        /// Where.
        nodes: Vec<usize>,
        /// Whether clients of these nodes have to wait.
        stops_answers: bool,
    },
    /// It was mended.
    FaultEnds {
        /// Which.
        fault: u64,
    },
    /// A link is up.
    LinkUp {
        /// At which end this was seen.
        node: usize,
        /// With whom.
        neighbour: usize,
    },
    /// A link that was up ended.
    LinkDown {
        /// At which end this was seen.
        node: usize,
        /// With whom.
        neighbour: usize,
        /// Why.
        reason: String,
    },
    /// A node gave a sequence to an update that it had given to another one in the same epoch. Only simulations see that.
    SequenceReused {
        /// Which node.
        node: usize,
        /// The sequence.
        sequence: u64,
        /// The AT line that had it first.
        was: String,
        /// The AT line that has it now.
        is: String,
    },
    /// A node that has come back does not know an update any more, and no other node that runs does. Only simulations
    /// see that.
    LastCopyLost {
        /// Which node.
        node: usize,
        /// The AT line.
        line: String,
        /// Since when it had known it, in microseconds.
        since: u64,
    },
    /// All nodes know what had been acknowledged at any of them before a moment. Looked for after each fault.
    Converged {
        /// The moment, in microseconds since the start.
        since: u64,
    },
    /// What a node takes.
    Usage {
        /// Which.
        node: usize,
        /// Resident memory, in bytes.
        memory: u64,
        /// Open files.
        files: u64,
    },
    /// A node panicked.
    Panic {
        /// Which.
        node: usize,
        /// What it said.
        message: String,
    },
}

/// What of a node outlives its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keeps {
    /// All that was handed to the system: the process was stopped or killed.
    Disk,
    /// All but something that its disk lost: until its neighbours have told it again, it may lack anything.
    Damaged,
    /// What was on disk: the machine stopped.
    Synced,
    /// Nothing, or nothing that can be counted on: its disk had failed before.
    Nothing,
}

/// What a node was like in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// All it knows: AT lines, and those of clients that were removed; sorted.
    pub lines: Vec<String>,
    /// Those of them that it would not know after a restart, though it has a disk. Only simulations look.
    pub not_on_disk: Vec<String>,
    /// Updates that it said on its links, in all of its lives.
    pub said: u64,
    /// Updates that it heard and that were no news, in all of its lives.
    pub stale: u64,
    /// Updates that it said after the herd had had its time to settle.
    pub said_at_rest: u64,
    /// The most memory that it took.
    pub memory: u64,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Setting(Setting),
    Event(Event),
    Ending(Ending),
}

impl History {
    /// A history of nothing yet.
    pub fn new(setting: Setting) -> History {
        History { setting, events: Vec::new(), endings: Vec::new() }
    }

    /// Notes that something happened.
    pub fn note(&mut self, at: u64, what: What) {
        self.events.push(Event { at, what });
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
    /// The file cannot be read, or is no history: the message says where.
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
                _ => bail!("{name}:{}: the setting comes first, and once", index + 1),
            }
        }
        let history = history.with_context(|| format!("{name}: a history has at least a setting"))?;
        let (endings, nodes) = (history.endings.len(), history.setting.nodes.len());
        ensure!(endings == nodes, "{name}: {endings} endings of {nodes} nodes: the file is not whole");
        Ok(history)
    }
}
