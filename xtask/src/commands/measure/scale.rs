//! `scale`: measure herds of different sizes, and compute what larger ones cost.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;

use super::client_counts::{ClientCounts, parse_client_counts};
use crate::cluster::graphs::Graph;
use crate::cluster::workspace::Profile;
use crate::commands::arguments::variant_of;
use crate::commands::print::{print, print_progress, print_waiting};
use crate::measure::backbone_cost::{Assumptions, BackboneCost, measure_backbone_cost};
use crate::measure::compare::scale::{Scale, measure_scale};

/// Which herds to measure.
#[derive(Clone, Debug, Args)]
pub struct ScaleArgs {
    /// The numbers of nodes, one for each herd to measure
    #[arg(long, value_delimiter = ',', default_value = "5,10,25,50,100", value_parser = clap::value_parser!(u16).range(2..=200))]
    nodes: Vec<u16>,

    /// The graph of the herds
    #[arg(long, default_value_t = Graph::Grid, value_parser = variant_of::<Graph>())]
    graph: Graph,

    /// Measure this herd instead: one of fixtures/herds by its name, or a herd file
    #[arg(long, visible_alias = "config", value_name = "NAME|FILE", conflicts_with_all = ["nodes", "graph"])]
    herd: Option<String>,

    /// Another herd program to measure in turn with this one, such as that of an earlier commit
    #[arg(long, value_name = "PROGRAM")]
    former: Option<PathBuf>,

    /// Measure fewer and shorter rounds, to try it out; do not quote the figures
    #[arg(long)]
    quick: bool,

    /// Write the figures and their plots to benches/results
    #[arg(long, conflicts_with = "quick")]
    keep: bool,

    /// Measure what a client and an update cost where the backbone joins regions, and compute from
    /// that what more clients cost
    #[arg(long, conflicts_with_all = ["nodes", "graph", "herd", "former", "keep"])]
    backbone: bool,

    #[command(flatten, next_help_heading = "Options of --backbone")]
    costs: CostArgs,
}

/// The clients whose costs are computed, and what is assumed.
#[derive(Clone, Debug, Args)]
struct CostArgs {
    /// The numbers of clients, or a range that means every power of ten in it
    #[arg(long, value_name = "N,..|N..N", value_delimiter = ',', default_value = "1e6..1e9", requires = "backbone", value_parser = parse_client_counts)]
    clients: Vec<ClientCounts>,

    /// Reports of each client a second
    #[arg(long, value_name = "R", default_value = "0.01", requires = "backbone", value_parser = positive)]
    rate_per_client: f64,

    /// The number of regions
    #[arg(long, value_name = "N", default_value_t = 2, requires = "backbone", value_parser = clap::value_parser!(u32).range(1..=100))]
    regions: u32,

    /// Memory of each node in GB
    #[arg(long, value_name = "GB", default_value = "16", requires = "backbone", value_parser = positive)]
    memory: f64,

    /// Processor cores of each node
    #[arg(long, value_name = "N", default_value = "4", requires = "backbone", value_parser = positive)]
    cores: f64,

    /// The number of shards of a table that does not fit one node
    #[arg(long, value_name = "N", default_value_t = 64, requires = "backbone", value_parser = clap::value_parser!(u32).range(1..=4096))]
    shards: u32,

    /// Copies of each shard in each region
    #[arg(long, value_name = "N", default_value_t = 2, requires = "backbone", value_parser = clap::value_parser!(u32).range(2..=5))]
    copies: u32,

    /// Speed of a node's network, and of that between two regions, in Gbit a second
    #[arg(long, value_name = "GBIT", default_value = "10", requires = "backbone", value_parser = positive)]
    network: f64,

    /// The seed of the placement of shards
    #[arg(long, default_value_t = 1, requires = "backbone")]
    seed: u64,

    /// Build the node and the generator without optimizations, to try it out; do not quote the
    /// figures
    #[arg(long, requires = "backbone")]
    debug: bool,
}

/// Measures the herds, and prints a summary.
///
/// # Errors
/// A herd does not start, or an update does not reach every node.
pub fn print_scales(args: ScaleArgs) -> Result<()> {
    let ScaleArgs { nodes, graph, herd, former, quick, keep, backbone, costs } = args;
    if backbone {
        return print(&measure_backbone_cost(&costs.settings(quick))?);
    }
    if let Some(former) = &former {
        ensure!(former.is_file(), "{} is not a file: expected a herd program", former.display());
    }
    let (progress, waiting) = (print_progress, print_waiting);
    print(&measure_scale(&Scale { nodes, graph, herd, former, quick, keep, progress, waiting })?)
}

impl CostArgs {
    fn settings(self, quick: bool) -> BackboneCost {
        BackboneCost {
            clients: self.clients.into_iter().flat_map(|counts| counts.0).collect(),
            assumptions: Assumptions {
                reports: self.rate_per_client,
                regions: self.regions,
                memory: self.memory * 1e9,
                cores: self.cores,
                shards: self.shards,
                copies: self.copies,
                network: self.network * 1e9 / 8.0,
                seed: self.seed,
            },
            quick,
            profile: if self.debug { Profile::Debug } else { Profile::Release },
            progress: print_progress,
        }
    }
}

/// Parses a number above 0.
fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "expected a number above 0".to_owned())
}
