//! The herd of a supervisor, and the actions on it.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::sync::watch;
use tokio::time::sleep;

use super::HerdAction;
use super::known::KnownHerd;
use crate::cluster::backbone::NatsServers;
use crate::cluster::processes::Processes;
use crate::cluster::proxy::{Conditions, Proxy};

/// The time limit for started nodes to get ready. Nodes that take longer keep running, and the
/// status says why they are not ready.
const READY_TIMEOUT: Duration = Duration::from_secs(10);

/// The time between two checks of whether nodes are ready.
const READY_POLL: Duration = Duration::from_millis(20);

/// The conditions of a link that is cut: a partition. Neither node gets an error, and each finds
/// out by the silence of the other, as when a cable is pulled.
const CUT: Conditions = Conditions {
    black_hole: true,
    delay: Duration::ZERO,
    slices: false,
    bandwidth: None,
    reset_within: None,
    cut: false,
};

/// Where nodes keep their records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Records {
    /// In memory only.
    Memory,
    /// In a folder of the harness, which may be emptied.
    Emptied(PathBuf),
    /// In a folder that the user has chosen, whose records must be kept.
    Kept(PathBuf),
}

impl Records {
    /// The folder of the nodes' data, or `None` if nodes keep records in memory.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Records::Memory => None,
            Records::Emptied(folder) | Records::Kept(folder) => Some(folder),
        }
    }

    /// Deletes the records of an earlier herd, unless they must be kept.
    ///
    /// # Errors
    /// The folder cannot be deleted.
    pub fn empty(&self) -> Result<()> {
        let Records::Emptied(folder) = self else { return Ok(()) };
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot empty {}", folder.display()))
            }
            _ => Ok(()),
        }
    }
}

/// A herd for a supervisor.
#[derive(Debug)]
pub struct SupervisedHerd {
    /// The nodes.
    pub processes: Processes,
    /// The peer whose program the nodes run; `None` for nodes of this workspace.
    pub peer: Option<&'static str>,
    /// Where the nodes keep their records.
    pub records: Records,
    /// The proxy that all links go through; `None` if links cannot be cut.
    pub proxy: Option<Proxy>,
    /// The servers of the backbone; `None` if the herd is on none.
    pub servers: Option<NatsServers>,
}

/// Performs actions one after the other, and publishes what is known of the herd after each step.
#[derive(Debug)]
pub(super) struct Actor<'a> {
    herd: &'a mut SupervisedHerd,
    cut: BTreeSet<(String, String)>,
    known: watch::Sender<KnownHerd>,
}

impl Actor<'_> {
    /// # Errors
    /// A process cannot be polled.
    pub(super) fn new(herd: &mut SupervisedHerd) -> Result<Actor<'_>> {
        let known = KnownHerd {
            name: herd.processes.herd().name.clone(),
            file: herd.processes.herd_file(),
            nodes: herd.processes.known_nodes()?,
            peer: herd.peer,
            cuts_links: herd.proxy.is_some(),
            cut: Vec::new(),
            servers: herd.servers.as_mut().map(NatsServers::known).unwrap_or_default(),
        };
        Ok(Actor { herd, cut: BTreeSet::new(), known: watch::Sender::new(known) })
    }

    /// What is known of the herd, as it changes.
    pub(super) fn known(&self) -> watch::Receiver<KnownHerd> {
        self.known.subscribe()
    }

    /// Publishes what is known of the herd now. Reaps processes that have exited.
    ///
    /// # Errors
    /// A process cannot be polled.
    pub(super) fn publish(&mut self) -> Result<()> {
        let nodes = self.herd.processes.known_nodes()?;
        let servers = self.herd.servers.as_mut().map(NatsServers::known).unwrap_or_default();
        self.known.send_modify(|known| {
            known.nodes = nodes;
            known.servers = servers;
            known.cut = self.cut.iter().cloned().collect();
        });
        Ok(())
    }

    /// Performs an action.
    ///
    /// # Errors
    /// The message is for the user.
    pub(super) async fn perform(&mut self, action: HerdAction, nodes: Vec<String>) -> Result<()> {
        let done = self.perform_steps(action, nodes).await;
        // An action that fails may have changed something.
        self.publish().and(done)
    }

    async fn perform_steps(&mut self, action: HerdAction, names: Vec<String>) -> Result<()> {
        let known = self.herd.servers.as_ref().map(NatsServers::names).unwrap_or_default();
        let (servers, nodes): (Vec<String>, Vec<String>) =
            names.into_iter().partition(|name| known.contains(name));
        if !servers.is_empty() {
            self.perform_on_servers(action, &servers)?;
            if nodes.is_empty() {
                return Ok(());
            }
        }
        let processes = &mut self.herd.processes;
        match action {
            HerdAction::Status | HerdAction::Processes => Ok(()),
            HerdAction::Down => processes.stop_all(),
            HerdAction::Kill => processes.kill(&nodes),
            HerdAction::Stop => processes.stop(&nodes),
            HerdAction::Start => processes.start(&nodes),
            HerdAction::Pause => processes.pause(&nodes),
            HerdAction::Resume => processes.resume(&nodes),
            HerdAction::Cut => self.set_cut(&nodes, true),
            HerdAction::Heal => self.set_cut(&nodes, false),
            HerdAction::HealNodes => self.heal_nodes(&nodes).await,
            HerdAction::Restart => {
                let nodes = if nodes.is_empty() { processes.names() } else { nodes };
                processes.stop(&nodes)?;
                self.start(&nodes).await
            }
            HerdAction::Empty => self.empty().await,
        }
    }

    /// Performs an action on servers of the backbone.
    fn perform_on_servers(&mut self, action: HerdAction, names: &[String]) -> Result<()> {
        let Some(servers) = &mut self.herd.servers else { return Ok(()) };
        match action {
            HerdAction::Kill | HerdAction::Stop => servers.kill(names),
            HerdAction::Start => servers.start_servers(names),
            HerdAction::Restart => {
                servers.kill(names)?;
                servers.start_servers(names)
            }
            _ => bail!("{} cannot be paused or cut off: it is a server of the backbone", names.join(", ")),
        }
    }

    /// Starts nodes that have been stopped, and waits until they are ready or down, for at most
    /// [`READY_TIMEOUT`].
    async fn start(&mut self, names: &[String]) -> Result<()> {
        self.publish()?;
        self.herd.processes.start(names)?;
        self.wait_until_ready(names).await
    }

    /// Waits until the named nodes are ready or down, for at most [`READY_TIMEOUT`].
    pub(super) async fn wait_until_ready(&mut self, names: &[String]) -> Result<()> {
        let deadline = Instant::now() + READY_TIMEOUT;
        loop {
            self.publish()?;
            let known = self.known.borrow().clone();
            if !known.may_get_ready(names).await || Instant::now() > deadline {
                return Ok(());
            }
            sleep(READY_POLL).await;
        }
    }

    /// Returns the names of the nodes.
    pub(super) fn names(&self) -> Vec<String> {
        self.herd.processes.names()
    }

    /// Stops all nodes.
    ///
    /// # Errors
    /// A process cannot be polled.
    pub(super) fn stop_all(&mut self) -> Result<()> {
        self.herd.processes.stop_all()
    }

    async fn empty(&mut self) -> Result<()> {
        if let Records::Kept(folder) = &self.herd.records {
            bail!(
                "emptying the herd would delete the records in {}, which were chosen with --data-dir: \
                 restart the herd without --data-dir",
                folder.display()
            );
        }
        self.herd.processes.stop_all()?;
        self.herd.records.empty()?;
        while let Some((one, other)) = self.cut.first().cloned() {
            self.set_cut(&[one, other], false)?;
        }
        self.start(&self.names()).await
    }

    /// Resumes nodes, heals links, and waits until the nodes and the ends of the links are ready.
    async fn heal_nodes(&mut self, named: &[String]) -> Result<()> {
        named.iter().try_for_each(|name| self.herd.processes.member(name).map(drop))?;
        let is_named = |name: &String| named.is_empty() || named.contains(name);
        let is_healed = |(one, other): &&(String, String)| match named {
            [only] => one == only || other == only,
            _ => is_named(one) && is_named(other),
        };
        let links: Vec<(String, String)> = self.cut.iter().filter(is_healed).cloned().collect();
        let mut nodes: Vec<String> = self.names().into_iter().filter(is_named).collect();
        for (one, other) in links {
            self.set_cut(&[one.clone(), other.clone()], false)?;
            nodes.extend([one, other]);
        }
        for name in &nodes {
            if is_named(name) && self.herd.processes.pid(name)?.is_some() {
                self.herd.processes.resume(std::slice::from_ref(name))?;
            }
        }
        self.wait_until_ready(&nodes).await
    }

    /// Cuts or heals the link between two nodes, in both directions.
    fn set_cut(&mut self, ends: &[String], is_cut: bool) -> Result<()> {
        let [one, other] = ends else { bail!("a link has two ends, not {}", ends.len()) };
        let (member, _) = (self.herd.processes.member(one)?, self.herd.processes.member(other)?);
        if !member.neighbours.contains(other) {
            let neighbours = member.neighbours.join(", ");
            bail!("{one} and {other} have no link: the neighbours of {one} are {neighbours}");
        }
        let Some(proxy) = &self.herd.proxy else {
            bail!("{}", super::WHY_NO_CUTS);
        };
        let conditions = if is_cut { CUT } else { Conditions::default() };
        proxy.set_conditions(one, other, conditions)?;
        proxy.set_conditions(other, one, conditions)?;
        let (one, other) = if one < other { (one, other) } else { (other, one) };
        let link = (one.clone(), other.clone());
        if is_cut {
            self.cut.insert(link)
        } else {
            self.cut.remove(&link)
        };
        Ok(())
    }
}
