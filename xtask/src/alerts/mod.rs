//! Tests the alerts of `herd/deploy`: promtool checks their rules, and a real Prometheus fires them
//! while faults are injected into a herd.

mod faults;
pub mod prometheus;
mod watched_herd;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use herd::nearest::choices;

use crate::alerts::prometheus::{Firing, Tools};
use crate::cluster::admin_client;
use crate::cluster::graphs::Graph;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::processes::{Processes, Setup};
use crate::cluster::test_herd::TestHerd;
use crate::cluster::workspace::{Profile, herd_binary, target_dir};
use crate::text::table;
use faults::{FAULTS, Fault};
use watched_herd::WatchedHerd;

/// The timeout until an alert fires, and until all alerts stop.
const PATIENCE: Duration = Duration::from_secs(90);

/// The time for which a fault lasts after its alert has fired, so that other alerts could fire,
/// too.
const LASTS: Duration = Duration::from_secs(4);

/// The time between two questions to Prometheus.
const POLL: Duration = Duration::from_millis(200);

/// The time that an alert waits before it fires in this test.
const FOR: &str = "2s";

/// The range of the rates in this test.
const RANGE: &str = "[15s]";

/// The result of faults and their alerts.
#[derive(Debug)]
pub struct AlertReport {
    /// A row for each fault, and the alerts that no fault here fires.
    pub text: String,
    /// Whether each fault fired its own alert only.
    pub all_alone: bool,
}

/// Returns the names of the alerts that faults fire.
pub fn names() -> BTreeSet<&'static str> {
    FAULTS.iter().map(|fault| fault.alert).collect()
}

/// Injects the faults of these alerts one after another, or all faults if `names` is empty. Reports
/// which alerts fired and stopped. `progress` gets each fault before it begins.
///
/// # Errors
/// No fault fires an alert, Prometheus or the herd does not start, or an alert does not fire or
/// stop.
pub fn watch_alerts(tools: &Tools, names: &[String], progress: impl Fn(&str)) -> Result<AlertReport> {
    let faults = choose_faults(names)?;
    inject_faults(tools, &faults, progress)
}

/// The folder where Prometheus is unpacked, and where its files and those of its herds are.
///
/// # Errors
/// Cargo does not report the target folder.
pub fn folder() -> Result<PathBuf> {
    Ok(target_dir()?.join("prometheus"))
}

/// Has promtool check and test the rules, and check the metrics of a node.
///
/// # Errors
/// Promtool finds a mistake.
pub fn check_rules(tools: &Tools) -> Result<()> {
    tools.promtool(&["check", "rules", "herd.rules.yml"], &deploy(), None)?;
    tools.promtool(&["test", "rules", "herd.rules.test.yml"], &deploy(), None)?;
    let folder = folder()?.join("check");
    let metrics = metrics_of_a_node(&folder)?;
    let file = folder.join("metrics");
    fs::write(&file, metrics)?;
    tools.promtool(&["check", "metrics"], &folder, Some(&file))
}

fn deploy() -> PathBuf {
    fixtures::checkout::root().join("herd/deploy")
}

/// The metrics of a node that has a neighbour, in the older text format, which promtool checks.
fn metrics_of_a_node(folder: &Path) -> Result<String> {
    let file = HerdFile::parse(&Graph::Line.herd_file(2, 1), "generated")?;
    let program = herd_binary(Profile::Debug)?;
    let setup = |file| Setup::clean(file, program, folder.to_owned());
    let mut nodes = TestHerd::new(&file, |file, _| Processes::new(setup(file)))?;
    nodes.start_all()?;
    let address = nodes.admin("Node1")?.context("a node has an admin port")?;
    let metrics = admin_client::get(address, "/metrics")?;
    nodes.stop_all()?;
    Ok(metrics)
}

/// Returns the rules with short times for this test: seconds instead of minutes.
fn with_short_times(rules: &str) -> String {
    let mut text = String::new();
    for line in rules.lines() {
        match line.split_once("for: ") {
            Some((indent, _)) if indent.trim().is_empty() => text += &format!("{indent}for: {FOR}\n"),
            _ => text += &format!("{}\n", line.replace("[5m]", RANGE).replace("[15m]", RANGE)),
        }
    }
    text
}

/// The names of the alerts in rules.
fn alert_names(rules: &str) -> BTreeSet<&str> {
    rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect()
}

/// Returns the faults of these alerts, or all faults if `alerts` is empty.
fn choose_faults(alerts: &[String]) -> Result<Vec<&'static Fault>> {
    let known = |alert: &&String| FAULTS.iter().any(|fault| fault.alert == **alert);
    if let Some(unknown) = alerts.iter().find(|alert| !known(alert)) {
        let choices = choices(unknown, "alerts", names(), "`cargo xtask alerts --help`");
        bail!("no fault fires the alert `{unknown}`{choices}");
    }
    let is_asked = |fault: &&Fault| alerts.is_empty() || alerts.iter().any(|alert| alert == fault.alert);
    Ok(FAULTS.iter().filter(is_asked).collect())
}

/// The result of a fault.
struct FaultResult {
    /// The time from the beginning of the fault until its alert fired.
    fired: Duration,
    /// The time from the end of the fault until no alert fired.
    stopped: Duration,
    /// The other alerts that fired.
    others: BTreeSet<Firing>,
}

fn inject_faults(tools: &Tools, faults: &[&Fault], progress: impl Fn(&str)) -> Result<AlertReport> {
    let rules = fs::read_to_string(deploy().join("herd.rules.yml"))?;
    let mut herd = WatchedHerd::start(tools, &folder()?, &with_short_times(&rules))?;
    let mut untested = alert_names(&rules);
    let mut rows = vec![["FAULT", "ALERT", "FIRED AFTER", "ALSO FIRED", "STOPPED AFTER"].map(str::to_owned)];
    let mut all_alone = true;
    for &fault in faults {
        let description = fault.description.to_owned();
        let alert = fault.alert.to_owned();
        if fault.needs_disks && !herd.has_disks() {
            rows.push([description, alert, "skipped: needs root".to_owned(), String::new(), String::new()]);
            continue;
        }
        progress(fault.description);
        let result = inject(&mut herd, fault).with_context(|| format!("{description}, {alert}"))?;
        untested.remove(fault.alert);
        all_alone &= result.others.is_empty();
        let others: Vec<String> =
            result.others.iter().map(|(alert, node)| format!("{alert} {node}")).collect();
        let others = if others.is_empty() { "nothing".to_owned() } else { others.join(", ") };
        let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
        rows.push([description, alert, seconds(result.fired), others, seconds(result.stopped)]);
    }
    let mut text = table(&rows);
    if faults.len() == FAULTS.len() {
        let untested: Vec<&str> = untested.into_iter().collect();
        text += &format!("tested only by promtool: {}\n", untested.join(", "));
    }
    Ok(AlertReport { text, all_alone })
}

/// Injects a fault until its alert has fired for a while, ends it, and waits until no alert fires.
fn inject(herd: &mut WatchedHerd, fault: &Fault) -> Result<FaultResult> {
    let began = Instant::now();
    let mut fired = None;
    let mut others = BTreeSet::new();
    (fault.begin)(herd)?;
    while fired.is_none_or(|fired| began.elapsed() < fired + LASTS) {
        ensure!(
            fired.is_some() || began.elapsed() < PATIENCE,
            "the alert did not fire within {PATIENCE:?}; others that fired: {others:?}"
        );
        thread::sleep(POLL);
        (fault.repeat)(herd)?;
        // On a busy machine Prometheus may not answer in time. Then the next question counts.
        for firing in herd.prometheus.firing().unwrap_or_default() {
            if firing.0 == fault.alert {
                fired.get_or_insert(began.elapsed());
            } else {
                others.insert(firing);
            }
        }
    }
    let ended = Instant::now();
    (fault.end)(herd)?;
    while herd.prometheus.firing().map_or(true, |firing| !firing.is_empty()) {
        ensure!(
            ended.elapsed() < PATIENCE,
            "{:?} did not stop within {PATIENCE:?} after the fault",
            herd.prometheus.firing()
        );
        thread::sleep(POLL);
    }
    Ok(FaultResult { fired: fired.unwrap_or_default(), stopped: ended.elapsed(), others })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> String {
        fs::read_to_string(deploy().join("herd.rules.yml")).unwrap()
    }

    #[test]
    fn rules_with_short_times_have_the_same_alerts_and_no_minutes() {
        let (rules, short) = (rules(), with_short_times(&rules()));
        assert_eq!(alert_names(&rules), alert_names(&short));
        let is_slow = |line: &&str| line.contains("m]") || line.contains("for: ") && !line.ends_with(FOR);
        assert_eq!(short.lines().find(is_slow), None);
        assert_eq!(rules.lines().count(), short.lines().count());
    }

    #[test]
    fn every_fault_fires_an_alert_of_the_rules() {
        let rules = rules();
        for fault in FAULTS {
            assert!(alert_names(&rules).contains(fault.alert), "{}", fault.alert);
        }
    }
    #[test]
    fn promtool_tests_of_every_alert_when_it_fires_and_when_it_does_not() {
        let tests = fs::read_to_string(deploy().join("herd.rules.test.yml")).unwrap();
        // Each moment of a test lists all alerts that fire.
        let tests: Vec<Vec<&str>> =
            tests.split("\n  - name: ").map(|test| test.split("- eval_time: ").skip(1).collect()).collect();
        let rules = rules();
        for alert in alert_names(&rules) {
            let fires = |moment: &&str| moment.contains(&format!("alertname=\"{alert}\""));
            let has_both = |test: &Vec<&str>| test.iter().any(fires) && !test.iter().all(fires);
            assert!(tests.iter().any(has_both), "{alert}");
        }
    }
}
