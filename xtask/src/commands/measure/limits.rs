//! `limits`: exhaust one resource of a node at a time.

use anyhow::Result;
use clap::Args;

use super::print_findings;
use crate::commands::arguments::one_of;
use crate::commands::print::print_progress;
use crate::measure::limits;

/// Which checks to run.
#[derive(Clone, Debug, Args)]
pub struct LimitsArgs {
    /// The checks to run [default: all]
    #[arg(value_name = "CHECK", value_parser = one_of(limits::names()))]
    checks: Vec<String>,
}

/// Runs the checks, and prints their findings.
///
/// # Errors
/// There is no such check, a check cannot be run, or a figure is out of its bound.
pub fn check_limits(args: &LimitsArgs) -> Result<()> {
    print_findings(&limits::check_limits(&args.checks, print_progress)?)
}
