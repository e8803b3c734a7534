//! Starts the nodes of a region with nothing: first beside servers that have everything, then
//! beside servers that have lost everything, so that the other region must say it again.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::filled::{PATIENCE, fill, wait_for};
use super::{Bound, Finding, ResilienceBench};
use crate::cluster::backbone::{NatsServers, SERVERS, cut, nats_server};
use crate::cluster::graphs::Graph;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::processes::{INSECURE_LINKS, Processes, Setup};
use crate::cluster::test_herd::TestHerd;

/// The nodes of the two regions.
const WEST: [&str; 2] = ["Node1", "Node2"];
const EAST: [&str; 2] = ["Node3", "Node4"];

/// How many clients the west knows, and how long the east may take to know them.
const FEW: (u64, f64) = (100_000, 5.0);
const MANY: (u64, f64) = (1_000_000, 10.0);

pub(super) fn check_region(bench: &ResilienceBench) -> Result<Vec<Finding>> {
    let progress = |line: &str| drop((bench.progress.text)(&format!("{line}\n")));
    let mut findings = Vec::new();
    let program = match nats_server(&progress) {
        Ok(program) => program,
        Err(error) => {
            progress(&format!("not measured: the servers of the backbone cannot be had: {error:#}"));
            return Ok(findings);
        }
    };
    for (clients, bound) in [FEW, MANY] {
        let mut regions = Regions::start(bench, &program, clients)?;
        let from_log = regions.fill_east(clients)?;
        regions.kill_east()?;
        let names = regions.servers.names();
        regions.servers.wipe(&names)?;
        regions.servers.start_servers(&names)?;
        let from_west = regions.fill_east(clients)?;
        regions.herd.stop_all()?;
        for (took, what) in [
            (from_log, format!("an empty region, and {clients} clients in the log")),
            (from_west, format!("the same, when the servers have lost their files: {clients} clients")),
        ] {
            let text = format!("{what}: time until its nodes know all");
            findings.push(Finding::new(text, took.as_secs_f64(), "s", Bound::AtMost(bound)));
        }
    }
    Ok(findings)
}

/// Two regions, and the servers that join them.
struct Regions {
    herd: TestHerd,
    servers: NatsServers,
}

impl Regions {
    /// Starts the servers and the nodes of the west, which then know `clients` clients.
    fn start(bench: &ResilienceBench, program: &Path, clients: u64) -> Result<Regions> {
        let folder = bench.folder.join("region");
        let servers = NatsServers::start(program.to_owned(), folder.join("nats"), SERVERS)?;
        let file = HerdFile::parse(&Graph::Mesh.herd_file(4, 1), "a mesh of four")?;
        let names = |nodes: [&str; 2]| nodes.map(str::to_owned).to_vec();
        let regions = BTreeMap::from([("west".to_owned(), names(WEST)), ("east".to_owned(), names(EAST))]);
        let herd = TestHerd::new(&file, |file, _| {
            let folder = folder.join("herd");
            let setup = cut(&file, regions)?.setup(&servers.backbone(), bench.herd.clone(), folder)?;
            Processes::new(Setup { args: vec![INSECURE_LINKS.into()], ..setup })
        })?;
        let mut regions = Regions { herd, servers };
        regions.herd.start(&WEST.map(str::to_owned))?;
        fill(bench, &mut regions.herd, &WEST, clients)?;
        Ok(regions)
    }

    /// Starts the nodes of the east, and returns the time until both know all clients.
    fn fill_east(&mut self, clients: u64) -> Result<Duration> {
        let began = Instant::now();
        self.herd.start(&EAST.map(str::to_owned))?;
        EAST.iter().try_for_each(|name| wait_for(&mut self.herd, name, clients, PATIENCE))?;
        Ok(began.elapsed())
    }

    /// Kills the nodes of the east, which have no data folders.
    fn kill_east(&mut self) -> Result<()> {
        self.herd.kill(&EAST.map(str::to_owned))
    }
}
