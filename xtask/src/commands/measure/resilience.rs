//! `resilience`: measure what faults cost real nodes.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::print_findings;
use crate::chaos::Progress;
use crate::commands::arguments::one_of;
use crate::measure::resilience;

/// Which checks to run, and for how long.
#[derive(Clone, Debug, Args)]
pub struct ResilienceArgs {
    /// The checks to run [default: all]
    #[arg(value_name = "CHECK", value_parser = one_of(resilience::names()))]
    checks: Vec<String>,

    /// Minutes that the soak lasts
    #[arg(long, value_name = "M", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    minutes: u32,
}

/// Runs the checks, and prints their findings.
///
/// # Errors
/// There is no such check, a check cannot be run, or a figure is out of its bound.
pub fn check_resilience(args: &ResilienceArgs) -> Result<()> {
    // Standard output is for the findings. The run continues if standard error is closed.
    let text = |text: &str| {
        let _ = std::io::stderr().write_all(text.as_bytes());
        Ok(())
    };
    let soak = Duration::from_secs(60) * args.minutes;
    print_findings(&resilience::check_resilience(&args.checks, soak, Progress { text, status: |_| {} })?)
}
