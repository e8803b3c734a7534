//! What herds that the backbone joins cost: figures measured on this machine, and a model of more
//! clients than it can serve.

mod cost;
mod measured;
mod placement;
mod report;
mod workload;

pub use cost::Assumptions;

use std::time::Duration;

use anyhow::Result;

use crate::cluster::workspace::{Profile, herd_binary, target_dir};
use crate::load::generator::Generator;
use crate::measure::machine_info::MachineInfo;
use cost::{Cost, cost_of};
use workload::{Bench, Sizes, measure};

/// The settings of a run.
#[derive(Clone, Debug)]
pub struct BackboneCost {
    /// The numbers of clients, one for each row of the tables.
    pub clients: Vec<u64>,
    /// What is assumed of clients, nodes and networks.
    pub assumptions: Assumptions,
    /// Whether the loads are small.
    pub quick: bool,
    /// How the node and the load generator are built.
    pub profile: Profile,
    /// A function that gets a line for each load.
    pub progress: fn(&str),
}

const WHOLE: Sizes =
    Sizes { alone: 1_000_000, clients: 500_000, few: 1_000.0, lasts: Duration::from_secs(5) };

const QUICK: Sizes = Sizes { alone: 100_000, clients: 20_000, few: 500.0, lasts: Duration::from_secs(2) };

/// Measures the figures, computes the costs, and returns both as text.
///
/// # Errors
/// The servers of the backbone cannot be had, and the message says how to get them; or a node does
/// not start, or does not receive an update.
pub fn measure_backbone_cost(settings: &BackboneCost) -> Result<String> {
    let folder = target_dir()?.join("backbone-cost");
    std::fs::create_dir_all(&folder)?;
    let bench = Bench {
        generator: Generator::build(settings.profile)?,
        herd: herd_binary(settings.profile)?,
        folder,
        sizes: if settings.quick { QUICK } else { WHOLE },
        progress: settings.progress,
    };
    let measured = measure(&bench)?;
    let costs: Vec<Cost> =
        settings.clients.iter().map(|clients| cost_of(*clients, &measured, &settings.assumptions)).collect();
    let machine = MachineInfo::collect();
    Ok(report::text(&machine, settings, &bench.sizes, &measured, &costs))
}
