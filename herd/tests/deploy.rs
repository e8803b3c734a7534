//! The files of `herd/deploy`: the unit, checked by systemd, and the alerts.

use std::fs;
use std::io::ErrorKind;
use std::time::Duration;

use assert_cmd::Command;
use fixtures::checkout::{program, root, scratch};

/// Settings that versions of systemd before 254 ignore with a warning, which would fail the check.
const NEW_SETTINGS: [&str; 2] = ["RestartSteps", "RestartMaxDelaySec"];

/// Longer than the check takes.
const DEADLINE: Duration = Duration::from_secs(60);

#[test]
#[expect(clippy::print_stderr, reason = "says that there was nothing to check with")]
fn the_unit_is_one_that_systemd_takes() {
    let deploy = root().join("herd/deploy");
    let folder = scratch("deploy");
    // systemd may not be installed.
    let program = program("herd").display().to_string();
    let unit = fs::read_to_string(deploy.join("herd@.service")).unwrap();
    assert!(unit.contains("ExecStart=/usr/local/bin/herd %i"));
    let file = folder.join("herd@Alford.service");
    let is_old = |line: &&str| NEW_SETTINGS.iter().all(|name| !line.starts_with(&format!("{name}=")));
    let known: Vec<&str> = unit.lines().filter(is_old).collect();
    fs::write(&file, known.join("\n").replace("/usr/local/bin/herd", &program)).unwrap();
    match Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .arg(&file)
        .timeout(DEADLINE)
        .output()
    {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("not checked, systemd-analyze: {error}");
        }
        checked => {
            let output = checked.unwrap();
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && !told.contains("herd@"), "{told}");
        }
    }
}

#[test]
fn the_unit_comes_back_however_often_it_fails_and_may_reach_what_it_needs() {
    let unit = fs::read_to_string(root().join("herd/deploy/herd@.service")).unwrap();
    for setting in [
        "StartLimitIntervalSec=0",
        "Type=notify",
        "Restart=on-failure",
        "RestartSec=1",
        "RestartSteps=5",
        "RestartMaxDelaySec=30",
        "WatchdogSec=10",
        // Without Unix sockets, the node could not notify systemd.
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
    ] {
        assert!(unit.lines().any(|line| line == setting), "{setting}");
    }
}

/// The alerts of the rules: the name of each, and its other lines.
fn alerts(rules: &str) -> Vec<(&str, &str)> {
    rules.split("- alert: ").skip(1).map(|alert| alert.split_once('\n').unwrap()).collect()
}

#[test]
fn every_alert_waits_has_a_severity_says_what_to_do_and_is_tested() {
    let deploy = root().join("herd/deploy");
    let rules = fs::read_to_string(deploy.join("herd.rules.yml")).unwrap();
    let tests = fs::read_to_string(deploy.join("herd.rules.test.yml")).unwrap();
    let alerts = alerts(&rules);
    assert!(alerts.len() > 10, "{alerts:?}");
    for (name, lines) in alerts {
        let has = |start: &str| lines.lines().any(|line| line.trim().starts_with(start));
        for line in ["for: ", "summary: ", "action: "] {
            assert!(has(line), "{name} has no {line}");
        }
        let severity = ["critical", "warning"]
            .into_iter()
            .find(|severity| has(&format!("labels: {{ severity: {severity} }}")));
        let severity = severity.unwrap_or_else(|| panic!("{name} has no severity"));
        // promtool runs the tests. This checks only that each alert fires in one of them.
        let fires = format!("alertname=\"{name}\", severity=\"{severity}\"");
        assert!(tests.contains(&fires), "{name} fires in no test");
    }
}
