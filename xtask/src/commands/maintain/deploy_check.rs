//! `deploy-check`: check the files of `herd/deploy`.

use anyhow::{Context, Result, ensure};

use crate::alerts;
use crate::alerts::prometheus::Tools;
use crate::cluster::workspace::cargo;
use crate::commands::print::print;
use crate::package::ChartTools;

/// The test that has systemd check the unit. It says so if there is no systemd.
const UNIT_TEST: [&str; 6] = ["test", "--quiet", "--workspace", "--test", "deploy", "--"];

/// Checks the Helm chart, the alerts and the unit, as far as there are tools for them, and says
/// what was not checked.
///
/// # Errors
/// A file is wrong.
pub fn check_deploy() -> Result<()> {
    match ChartTools::get() {
        Ok(tools) => {
            print(&format!("the Helm chart: right with {} files of values\n", tools.check_chart()?))?;
        }
        Err(error) => print(&format!("the Helm chart: not checked: {error:#}\n"))?,
    }
    match alerts::folder().and_then(|folder| Tools::get(&folder)) {
        Ok(tools) => {
            alerts::check_rules(&tools)?;
            print("the alerts: right\n")?;
        }
        Err(error) => print(&format!("the alerts: not checked: {error:#}\n"))?,
    }
    let unit = cargo().args(UNIT_TEST).arg("--nocapture").status().context("cannot run cargo test")?;
    ensure!(unit.success(), "the unit is wrong: see above");
    Ok(())
}
