//! `compare`: measure the same load on this herd and on other systems.

use anyhow::Result;
use clap::Args;

use crate::commands::print::{print, print_progress, print_waiting};
use crate::measure::compare::{Comparison, compare_systems, list_rows};

/// What to compare.
#[derive(Clone, Debug, Args)]
pub struct CompareArgs {
    /// The rows to measure [default: all]
    #[arg(value_name = "ROW")]
    rows: Vec<String>,

    /// Measure fewer and shorter rounds, to try it out; do not quote the figures
    #[arg(long)]
    quick: bool,

    /// List the rows
    #[arg(long)]
    list: bool,

    /// Write the figures and their plots to benches/results: those of all rows, or of `runtimes`
    /// alone
    #[arg(long, conflicts_with = "quick")]
    keep: bool,
}

/// Measures the rows, and prints a summary.
///
/// # Errors
/// There is no such row, or this herd cannot be measured.
pub fn print_comparison(args: CompareArgs) -> Result<()> {
    if args.list {
        return print(&list_rows());
    }
    let CompareArgs { rows, quick, keep, .. } = args;
    let comparison = Comparison { rows, quick, keep, progress: print_progress, waiting: print_waiting };
    print(&compare_systems(&comparison)?)
}
