//! `alerts`: test the alerts of `herd/deploy`.

use anyhow::{Result, ensure};
use clap::Args;

use crate::alerts::prometheus::Tools;
use crate::alerts::{AlertReport, check_names, check_rules, folder, watch_alerts};
use crate::commands::print::{note, print};

/// Which alerts to test, and how.
#[derive(Clone, Debug, Args)]
pub struct AlertsArgs {
    /// The alerts to see fire [default: every alert that a fault here can cause].
    #[arg(value_name = "ALERT", conflicts_with = "check")]
    alerts: Vec<String>,

    /// Run only promtool: check and test the rules, and check a node's metrics.
    #[arg(long)]
    check: bool,
}

/// Checks the rules; then, unless only that is asked for, makes faults and prints which alerts fired
/// and stopped.
///
/// # Errors
/// Prometheus is not available; the rules are wrong; or an alert did not fire, did not stop, or did
/// not fire alone.
pub fn test_alerts(args: &AlertsArgs) -> Result<()> {
    check_names(&args.alerts)?;
    let tools = Tools::get(&folder()?)?;
    check_rules(&tools)?;
    if args.check {
        return print("the rules are right, and so are the metrics of a node\n");
    }
    let AlertReport { text, all_alone } = watch_alerts(&tools, &args.alerts, note)?;
    print(&text)?;
    ensure!(all_alone, "a fault fired more than its own alert");
    Ok(())
}
