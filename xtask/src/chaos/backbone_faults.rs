//! Faults of herds that the backbone joins.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use herd::node::Shards;

use super::fault::FaultName;
use super::herd_under_test::HerdUnderTest;
use crate::cluster::backbone::{NatsServers, wait_until_whole};
use crate::cluster::proxy::Conditions;
use crate::oracle::Keeps;

/// The time in which a node must have all clients of the shards that it is to hold.
const WHOLE: Duration = Duration::from_secs(30);

impl HerdUnderTest {
    /// Kills nodes, deletes their journals, and starts them again.
    pub(super) fn wipe(&mut self, nodes: &[usize], away: Duration) -> Result<()> {
        let names = self.names_of(nodes);
        self.processes.kill(&names)?;
        nodes.iter().for_each(|node| self.clients.add_down(*node, Keeps::Nothing));
        for folder in self.data.iter().flat_map(|data| names.iter().map(|name| data.join(name))) {
            let what = || format!("cannot delete the files in {}", folder.display());
            // The folder itself may be a mounted disk.
            for file in fs::read_dir(&folder).with_context(what)? {
                fs::remove_file(file.with_context(what)?.path()).with_context(what)?;
            }
        }
        thread::sleep(away);
        self.start(nodes)
    }

    pub(super) fn end_servers(&mut self, servers: &[usize], wipes: bool, away: Duration) -> Result<()> {
        let all = self.servers()?;
        let names = all.names();
        let names: Vec<String> = servers.iter().map(|server| names[*server].clone()).collect();
        let ended = if wipes { all.wipe(&names) } else { all.kill(&names) };
        ended?;
        thread::sleep(away);
        all.start_servers(&names)
    }

    /// Kills the server that leads the stream, and starts it again.
    pub(super) fn end_leader(&mut self, away: Duration) -> Result<()> {
        let servers = self.servers()?;
        let leader = [servers.leader()?];
        servers.kill(&leader)?;
        thread::sleep(away);
        servers.start_servers(&leader)
    }

    /// Resets all connections between a region and the servers for a time.
    pub(super) fn cut_off(&mut self, region: usize, lasts: Duration) -> Result<()> {
        let servers = self.servers()?.names();
        let proxy = self.servers_proxy.as_ref().context("region-cut needs a proxy before the servers")?;
        let set = |conditions| {
            let region = &self.regions[region];
            servers.iter().try_for_each(|server| proxy.set_conditions(region, server, conditions))
        };
        set(Conditions { cut: true, ..Conditions::default() })?;
        thread::sleep(lasts);
        set(Conditions::default())
    }

    /// Kills a server, flips a bit of its messages, and starts it again.
    pub(super) fn flip_bit(&mut self, server: usize, place: u64, away: Duration) -> Result<()> {
        let servers = self.servers()?;
        let name = [servers.names()[server].clone()];
        servers.wait_for_messages(&name[0])?;
        servers.kill(&name)?;
        servers.flip_bit(&name[0], place)?;
        thread::sleep(away);
        servers.start_servers(&name)
    }

    /// Deletes the older half of the messages.
    pub(super) fn truncate_stream(&mut self) -> Result<()> {
        self.servers()?.delete_older_half()
    }

    /// Lets two nodes exchange the shards that they hold. In between, both hold the shards of both,
    /// so that there is always a node that holds each shard. Each restart is a fault of its node.
    pub(super) fn exchange_shards(&mut self, [one, other]: [usize; 2], name: FaultName) -> Result<()> {
        let (of_one, of_other) = (self.shards_of(one)?, self.shards_of(other)?);
        let both = of_one.with(of_other);
        for (node, shards) in [(one, both), (other, both), (one, of_other), (other, of_one)] {
            self.restart_with(node, shards, name)?;
        }
        Ok(())
    }

    fn shards_of(&self, node: usize) -> Result<Shards> {
        let name = &self.names[node];
        let herd = self.processes.view(name)?.herd();
        let backbone = herd.backbone.as_ref().context("shard-move needs nodes that hold shards")?;
        Ok(backbone.shards_of(herd.member(name).context("a node is in its herd file")?))
    }

    /// Restarts a node that is to hold these shards, and waits until it has all of their clients.
    fn restart_with(&mut self, node: usize, shards: Shards, fault: FaultName) -> Result<()> {
        let (name, holds) = (self.names[node].clone(), shards.held());
        let view = self.processes.view(&name)?.with_shards(&name, &holds)?;
        self.processes.set_view(&name, view)?;
        self.restart_alone(node, fault)?;
        let file = self.processes.herd_file_of(&name);
        wait_until_whole(&self.program, &file, (&name, &holds), WHOLE)
    }

    fn servers(&mut self) -> Result<&mut NatsServers> {
        self.servers.as_mut().context("a fault of the backbone needs its servers")
    }
}
