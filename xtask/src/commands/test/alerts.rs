//! `alerts`: test the Prometheus alerts of `herd/deploy`.

use anyhow::{Result, ensure};
use clap::Args;

use crate::alerts::prometheus::Tools;
use crate::alerts::{AlertReport, check_rules, folder, names, watch_alerts};
use crate::commands::arguments::one_of;
use crate::commands::print::{print, print_progress};

/// Which alerts to test, and how.
#[derive(Clone, Debug, Args)]
pub struct AlertsArgs {
    /// The alerts to fire [default: every alert that a fault on this machine can cause]
    #[arg(value_name = "ALERT", conflicts_with = "check", value_parser = one_of(names()))]
    alerts: Vec<String>,

    /// Run only promtool: check and test the rules, and check a node's metrics
    #[arg(long)]
    check: bool,
}

/// Checks the rules with promtool. Then, without `--check`, causes faults and prints which alerts
/// fired and stopped.
///
/// # Errors
/// Prometheus is not available, the rules are invalid, or an alert did not fire, did not stop, or
/// did not fire alone.
pub fn test_alerts(args: &AlertsArgs) -> Result<()> {
    let tools = Tools::get(&folder()?)?;
    check_rules(&tools)?;
    if args.check {
        return print("the rules pass their tests, and the metrics of a node are valid\n");
    }
    let AlertReport { text, all_alone } = watch_alerts(&tools, &args.alerts, print_progress)?;
    print(&text)?;
    ensure!(all_alone, "a fault fired other alerts than its own: see the table above");
    Ok(())
}
