//! A herd of a guest: its nodes as processes that a keeper runs.

mod build;
mod files;
mod folder;
mod keeper_link;
mod last_words;
mod listening;
mod place;
mod placeholders;
mod ready;
mod shell;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use herd::config::Member;
use nix::sys::signal::Signal;

use crate::cluster::herd_file::HerdFile;
use crate::cluster::ports::PortBlock;
use crate::conformance::guest_file::{Guest, Ports, StopSignal};
use crate::conformance::sandbox::Mode;
use crate::conformance::sandbox::keeper::protocol::{Answer, NodeState, Request, Start};
use keeper_link::KeeperLink;
use listening::Listening;
use placeholders::Placeholders;

pub use crate::conformance::sandbox::keeper::protocol::Usage;
pub use build::build;
pub use folder::{clear, copy};
pub use place::{Exit, Place, StartFailure, Stopped};

/// The pause between two looks at a node. Without namespaces a look is expensive, since the keeper
/// reads all processes of the machine.
const POLL: Duration = Duration::from_millis(10);
const POLL_ELSEWHERE: Duration = Duration::from_millis(40);

/// The name of the process that runs all nodes at once.
const ONE_PROCESS: &str = "herd";

/// A running herd. Nothing of it is left when it is dropped.
#[derive(Debug)]
pub struct GuestHerd {
    keeper: KeeperLink,
    members: Vec<Member>,
    names: Vec<String>,
    /// How to start each process: one for each node, or one for all.
    starts: BTreeMap<String, Start>,
    /// The nodes that this suite has killed or stopped.
    down: BTreeSet<String>,
    one_process: bool,
    stop_signal: StopSignal,
    ready_within: Duration,
    poll: Duration,
    /// The folder with the logs, and their names for each node.
    work: PathBuf,
    logs: Vec<String>,
    _ports: Option<PortBlock>,
}

impl GuestHerd {
    /// Starts every node at once, and waits until they listen for clients.
    ///
    /// # Errors
    /// A port is taken, a node ends or does not listen in time, or this machine does not let the
    /// herd run. Nothing is left running.
    pub fn start(guest: &Guest, place: &Place) -> Result<GuestHerd, StartFailure> {
        let mut herd = GuestHerd::prepare(guest, place).map_err(|error| StartFailure::of_machine(&error))?;
        herd.check_ports()?;
        let processes: Vec<String> = herd.starts.keys().cloned().collect();
        herd.start_processes(&processes)?;
        Ok(herd)
    }

    /// Writes the herd's files and starts its keeper. No node runs yet.
    fn prepare(guest: &Guest, place: &Place) -> Result<GuestHerd> {
        let (file, ports) = herd_at_ports(guest, place.mode)?;
        let values = files::write(guest, &file, place)?;
        let members = file.herd().members.clone();
        let starts = starts(guest, &members, &values, place);
        let task = files::task(place, starts.keys().cloned().collect())?;
        Ok(GuestHerd {
            keeper: KeeperLink::open(&place.program, &task)?,
            names: members.iter().map(|node| node.name.clone()).collect(),
            starts,
            members,
            down: BTreeSet::new(),
            one_process: guest.one_process,
            stop_signal: guest.stop_signal,
            ready_within: guest.ready_within.mul_f64(place.patience),
            poll: if place.mode == Mode::Namespaces { POLL } else { POLL_ELSEWHERE },
            work: place.work.clone(),
            logs: guest.logs.clone(),
            _ports: ports,
        })
    }

    /// Returns the names of the nodes, in the order of the graph.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the address at which a node listens for clients.
    ///
    /// # Panics
    /// The herd has no such node.
    pub fn address(&self, node: &str) -> SocketAddr {
        let member = self.members.iter().find(|member| member.name == node);
        member.expect("the node should be one of `names`").client
    }

    /// Kills every process of a node with SIGKILL.
    ///
    /// # Errors
    /// All nodes run in one process, or the keeper has ended.
    pub fn kill(&mut self, node: &str) -> Result<()> {
        ensure!(!self.one_process, "all nodes run in one process, so one of them cannot be killed alone");
        self.down.insert(node.to_owned());
        self.keeper.order(&Request::Kill(node.to_owned()))
    }

    /// Starts a node again, on the same port, after killing what is left of it, and waits until it
    /// listens for clients.
    ///
    /// # Errors
    /// The node ends or does not listen in time. Then it does not run.
    pub fn restart(&mut self, node: &str) -> Result<(), StartFailure> {
        let process = self.process(node).to_owned();
        let killed = self.keeper.order(&Request::Kill(process.clone()));
        killed.map_err(|error| StartFailure::of_machine(&error))?;
        self.start_processes(&[process])?;
        self.down.remove(node);
        Ok(())
    }

    /// Sends a node the stop signal of the guest file, and waits for its processes to end. A node
    /// that still runs after `within` goes on.
    ///
    /// # Errors
    /// The keeper has ended.
    pub fn stop(&mut self, node: &str, within: Duration) -> Result<Stopped> {
        let process = self.process(node).to_owned();
        let signal = match self.stop_signal {
            StopSignal::Term => Signal::SIGTERM,
            StopSignal::Int => Signal::SIGINT,
            StopSignal::Kill => Signal::SIGKILL,
        };
        match self.one_process {
            true => self.down.extend(self.names.iter().cloned()),
            false => drop(self.down.insert(node.to_owned())),
        }
        let started = Instant::now();
        self.keeper.order(&Request::Signal(process.clone(), signal as i32))?;
        loop {
            let state = self.state(&process)?;
            let took = started.elapsed().min(within);
            let has_ended = state.processes == 0 && state.exit.is_some();
            if has_ended || took == within {
                return Ok(Stopped { took, exit: state.exit, left: state.processes });
            }
            thread::sleep(POLL);
        }
    }

    /// Returns how a node ended, if it ended without being killed or stopped by this suite. A node
    /// whose first process exits with status 0 and leaves others has become a daemon, and lives.
    pub fn exit_of(&mut self, node: &str) -> Option<Exit> {
        if self.down.contains(node) {
            return None;
        }
        let process = self.process(node).to_owned();
        let words = match self.keeper.look() {
            Ok(state) => match state.ended {
                Some(why) => format!("was ended by this suite, because {why}"),
                None => ended(state.nodes.iter().find(|state| state.node == process)?)?,
            },
            Err(error) => format!("is lost: {error:#}"),
        };
        let (_, stderr) = self.words(&process);
        Some(Exit { words, stderr: last_words::shorten(&stderr) })
    }

    /// Returns what all processes of the herd use.
    ///
    /// # Errors
    /// The keeper has ended.
    pub fn usage(&mut self) -> Result<Usage> {
        match self.keeper.ask(&Request::Usage)? {
            Answer::Usage(usage) => Ok(usage),
            other => bail!("the keeper answered {other:?}"),
        }
    }

    /// Returns the end of what each node printed and of each log, with a title.
    pub fn last_words(&mut self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let processes: Vec<String> = self.starts.keys().cloned().collect();
        for process in processes {
            let (output, errors) = self.words(&process);
            found.push((format!("{process}, standard output"), last_words::shorten(&output)));
            found.push((format!("{process}, standard error"), last_words::shorten(&errors)));
        }
        found.extend(last_words::of_logs(&self.work, &self.logs, &self.names));
        found.retain(|(_, text)| !text.is_empty());
        found
    }

    /// Kills every process of the herd, and returns when none is left. Dropping the herd does the
    /// same.
    pub fn end(self) {
        drop(self);
    }

    /// The process of a node.
    fn process<'a>(&self, node: &'a str) -> &'a str {
        if self.one_process { ONE_PROCESS } else { node }
    }

    fn state(&mut self, process: &str) -> Result<NodeState> {
        let states = self.keeper.look()?.nodes;
        let state = states.into_iter().find(|state| state.node == process);
        state.with_context(|| format!("{process} has not been started"))
    }

    /// The end of standard output and of standard error.
    fn words(&mut self, process: &str) -> (String, String) {
        match self.keeper.ask(&Request::Words(process.to_owned())) {
            Ok(Answer::Words(output, errors)) => (output, errors),
            _ => (String::new(), String::new()),
        }
    }

    /// Checks that no other program listens at the herd's ports.
    fn check_ports(&self) -> Result<(), StartFailure> {
        let listening = Listening::now();
        let taken = self.members.iter().find(|node| listening.at_port(node.client.port()).next().is_some());
        match taken {
            None => Ok(()),
            Some(node) => Err(StartFailure {
                node: node.name.clone(),
                why: format!("cannot use port {}: another program listens there", node.client.port()),
                last_words: String::new(),
            }),
        }
    }
}

/// Returns how a node ended; `None` while it lives.
fn ended(state: &NodeState) -> Option<String> {
    let is_daemon = state.exited_well && state.processes > 0;
    state.exit.clone().filter(|_| !is_daemon)
}

/// Returns the guest's herd at the ports where it runs. Only ports that are given can move, and
/// only outside of a sandbox they have to.
fn herd_at_ports(guest: &Guest, mode: Mode) -> Result<(HerdFile, Option<PortBlock>)> {
    if guest.ports == Ports::Fixed || mode != Mode::Plain {
        return Ok((guest.herd.clone(), None));
    }
    let ports = PortBlock::take(u16::try_from(2 * guest.members().len())?)?;
    Ok((guest.herd.at_ports(ports.first())?, Some(ports)))
}

/// Returns how to start each process of a herd.
fn starts(
    guest: &Guest,
    members: &[Member],
    values: &Placeholders,
    place: &Place,
) -> BTreeMap<String, Start> {
    let start = |name: &str, member: &Member| {
        let values = values.of_node(member);
        let mut variables = files::variables(place);
        variables.extend(guest.env.iter().map(|(name, value)| (name.clone(), values.fill(value))));
        let command = shell::replacing_shell(&values.fill_command(&guest.start));
        (name.to_owned(), Start { node: name.to_owned(), command, variables })
    };
    match members.first().filter(|_| guest.one_process) {
        Some(first) => [start(ONE_PROCESS, first)].into(),
        None => members.iter().map(|member| start(&member.name, member)).collect(),
    }
}
