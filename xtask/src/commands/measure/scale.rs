//! `scale`: measure herds of different sizes.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;

use crate::cluster::graphs::Graph;
use crate::commands::arguments::variant_of;
use crate::commands::print::{print, print_progress};
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

    /// Measure this herd instead: a herd file, or the name of one in fixtures/herds
    #[arg(long, value_name = "FILE", conflicts_with_all = ["nodes", "graph"])]
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
}

/// Measures the herds, and prints a summary.
///
/// # Errors
/// A herd does not start, or an update does not reach every node.
pub fn print_scales(args: ScaleArgs) -> Result<()> {
    let ScaleArgs { nodes, graph, herd, former, quick, keep } = args;
    if let Some(former) = &former {
        ensure!(former.is_file(), "{} is not a file: expected a herd program", former.display());
    }
    print(&measure_scale(&Scale { nodes, graph, herd, former, quick, keep, progress: print_progress })?)
}
