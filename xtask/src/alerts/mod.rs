//! The alerts of `herd/deploy`: whether their rules are right, and whether they fire and stop in a real Prometheus.

mod faults;
pub mod prometheus;
mod stage;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::alerts::prometheus::{Firing, Tools};
use crate::cluster::admin_client;
use crate::cluster::graphs::Graph;
use crate::cluster::herd_file::HerdFile;
use crate::cluster::processes::{Processes, Setup};
use crate::cluster::test_herd::TestHerd;
use crate::cluster::workspace::{Profile, herd_binary, target_dir};
use crate::text::table;
use faults::{FAULTS, Fault};
use stage::Stage;

/// How long an alert may take to fire, or all alerts to stop.
const PATIENCE: Duration = Duration::from_secs(90);

/// How much longer the fault lasts once its alert fires: others that it causes would fire, too.
const LASTS: Duration = Duration::from_secs(4);

/// How often Prometheus is asked.
const LOOK: Duration = Duration::from_millis(200);

/// How long each alert waits before it fires here, and what its rates look back.
const FOR: &str = "2s";
const RANGE: &str = "[15s]";

/// What came of faults and their alerts.
#[derive(Debug)]
pub struct AlertReport {
    /// A row for each fault, and the alerts that no fault here can cause.
    pub text: String,
    /// Whether no fault fired more than its own alert.
    pub all_alone: bool,
}

/// Checks that there are faults for the alerts named.
///
/// # Errors
/// No fault fires an alert; the message lists those that faults fire.
pub fn check_names(names: &[String]) -> Result<()> {
    choose(names).map(drop)
}

/// Makes the faults of the alerts named, one after another (all faults, if `names` is empty), and
/// reports which alerts fired and stopped. `progress` gets each fault before it is made.
///
/// # Errors
/// There is no such alert, Prometheus or the herd does not start, or an alert does not fire or stop.
pub fn watch_alerts(tools: &Tools, names: &[String], progress: impl Fn(&str)) -> Result<AlertReport> {
    let faults = choose(names)?;
    watch(tools, &faults, progress)
}

/// Where Prometheus is unpacked, and where its files and those of its herds go.
///
/// # Errors
/// Cargo cannot tell where the target folder is.
pub fn folder() -> Result<PathBuf> {
    Ok(target_dir()?.join("prometheus"))
}

/// Has promtool check and test the rules, and check the metrics of a node.
///
/// # Errors
/// It finds a fault.
pub fn check_rules(tools: &Tools) -> Result<()> {
    tools.promtool(&["check", "rules", "herd.rules.yml"], &deploy(), None)?;
    tools.promtool(&["test", "rules", "herd.rules.test.yml"], &deploy(), None)?;
    let folder = folder()?.join("check");
    let metrics = metrics_of_a_node(&folder)?;
    let file = folder.join("metrics");
    fs::write(&file, as_old_text(&metrics))?;
    tools.promtool(&["check", "metrics"], &folder, Some(&file))
}

fn deploy() -> PathBuf {
    fixtures::checkout::root().join("herd/deploy")
}

/// The metrics of a node that has a neighbour.
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

/// Metrics in the older text format, which is the one that promtool checks: there, a counter is called like its series.
fn as_old_text(metrics: &str) -> String {
    let counters: BTreeSet<&str> =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let renamed = metrics.lines().map(|line| {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(kind), Some(name), Some(rest)) if counters.contains(name) => {
                format!("# {kind} {name}_total {rest}\n")
            }
            _ => format!("{line}\n"),
        }
    });
    renamed.collect()
}

/// The rules with the times of a test: what takes minutes in earnest takes seconds.
fn hurried(rules: &str) -> String {
    let mut text = String::new();
    for line in rules.lines() {
        match line.split_once("for: ") {
            Some((indent, _)) if indent.trim().is_empty() => text += &format!("{indent}for: {FOR}\n"),
            _ => text += &format!("{}\n", line.replace("[5m]", RANGE).replace("[15m]", RANGE)),
        }
    }
    text
}

/// The names of the alerts of rules.
fn names(rules: &str) -> BTreeSet<&str> {
    rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect()
}

/// The faults of the alerts asked for; all of them, if none are.
fn choose(alerts: &[String]) -> Result<Vec<&'static Fault>> {
    let known = |alert: &&String| FAULTS.iter().any(|fault| fault.alert == **alert);
    if let Some(unknown) = alerts.iter().find(|alert| !known(alert)) {
        let names: BTreeSet<&str> = FAULTS.iter().map(|fault| fault.alert).collect();
        let names: Vec<&str> = names.into_iter().collect();
        bail!("no fault is made for an alert {unknown}: there are {}", names.join(", "));
    }
    let is_asked = |fault: &&Fault| alerts.is_empty() || alerts.iter().any(|alert| alert == fault.alert);
    Ok(FAULTS.iter().filter(is_asked).collect())
}

/// What came of a fault.
struct Row {
    fired: Duration,
    stopped: Duration,
    others: BTreeSet<Firing>,
}

fn watch(tools: &Tools, faults: &[&Fault], progress: impl Fn(&str)) -> Result<AlertReport> {
    let rules = fs::read_to_string(deploy().join("herd.rules.yml"))?;
    let mut stage = Stage::set(tools, &folder()?, &hurried(&rules))?;
    let mut untested = names(&rules);
    let mut rows = vec![["FAULT", "ALERT", "FIRED AFTER", "ALSO FIRED", "STOPPED AFTER"].map(str::to_owned)];
    let mut all_alone = true;
    for &fault in faults {
        if fault.needs_disks && !stage.has_disks() {
            let why = ["not made: takes root".to_owned(), String::new(), String::new()];
            let [fired, others, stopped] = why;
            rows.push([fault.what.to_owned(), fault.alert.to_owned(), fired, others, stopped]);
            continue;
        }
        progress(fault.what);
        let row = try_fault(&mut stage, fault).with_context(|| format!("{}, {}", fault.what, fault.alert))?;
        untested.remove(fault.alert);
        all_alone &= row.others.is_empty();
        let others: Vec<String> = row.others.iter().map(|(alert, node)| format!("{alert} {node}")).collect();
        let others = if others.is_empty() { "nothing".to_owned() } else { others.join(", ") };
        let took = |time: Duration| format!("{:.1} s", time.as_secs_f64());
        rows.push([
            fault.what.to_owned(),
            fault.alert.to_owned(),
            took(row.fired),
            others,
            took(row.stopped),
        ]);
    }
    let mut text = table(&rows);
    if faults.len() == FAULTS.len() {
        let untested: Vec<&str> = untested.into_iter().collect();
        text += &format!("tested by promtool only: {}\n", untested.join(", "));
    }
    Ok(AlertReport { text, all_alone })
}

/// Makes a fault until its alert fires, goes on for a while, and heals it until nothing fires.
fn try_fault(stage: &mut Stage, fault: &Fault) -> Result<Row> {
    let began = Instant::now();
    let (mut fired, mut others) = (None, BTreeSet::new());
    (fault.make)(stage)?;
    while fired.is_none_or(|fired| began.elapsed() < fired + LASTS) {
        ensure!(fired.is_some() || began.elapsed() < PATIENCE, "the alert did not fire, but {others:?}");
        thread::sleep(LOOK);
        (fault.go_on)(stage)?;
        // A busy machine may take long to answer.
        for firing in stage.prometheus.firing().unwrap_or_default() {
            if firing.0 == fault.alert {
                fired.get_or_insert(began.elapsed());
            } else {
                others.insert(firing);
            }
        }
    }
    let healed = Instant::now();
    (fault.heal)(stage)?;
    while stage.prometheus.firing().map_or(true, |firing| !firing.is_empty()) {
        ensure!(healed.elapsed() < PATIENCE, "{:?} did not stop", stage.prometheus.firing());
        thread::sleep(LOOK);
    }
    Ok(Row { fired: fired.unwrap_or_default(), stopped: healed.elapsed(), others })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> String {
        fs::read_to_string(deploy().join("herd.rules.yml")).unwrap()
    }

    #[test]
    fn hurried_rules_have_the_same_alerts_and_no_minutes() {
        let (rules, hurried) = (rules(), hurried(&rules()));
        assert_eq!(names(&rules), names(&hurried));
        let is_slow = |line: &&str| line.contains("m]") || line.contains("for: ") && !line.ends_with(FOR);
        assert_eq!(hurried.lines().find(is_slow), None);
        assert_eq!(rules.lines().count(), hurried.lines().count());
    }

    #[test]
    fn every_fault_is_of_an_alert_that_there_is() {
        let rules = rules();
        for fault in FAULTS {
            assert!(names(&rules).contains(fault.alert), "{}", fault.alert);
        }
    }

    #[test]
    fn in_the_older_format_a_counter_is_called_like_its_series() {
        let metrics =
            "# HELP a Help of a.\n# TYPE a counter\na_total{b=\"c\"} 1\n# TYPE g gauge\ng 1\n# EOF\n";
        let old = "# HELP a_total Help of a.\n# TYPE a_total counter\na_total{b=\"c\"} 1\n# TYPE g gauge\ng 1\n# EOF\n";
        assert_eq!(as_old_text(metrics), old);
    }
}
