//! Guests with faults, hostile guests, and classes of guests.

use std::fs;
use std::process::Command;

use fixtures::checkout::{root, scratch};
use xtask::conformance::self_test::read_faults;

use crate::{guest, report, suite, text, verdict};

/// Faults that together break rules of every class, each with a rule that it must not break.
const SAMPLE: [(&str, &str); 6] = [
    ("lf-refused", "iamat-answer"),
    ("sign-missing", "iamat-answer"),
    ("text-times", "whatsat-answer"),
    ("one-hop", "whatsat-answer"),
    ("kilometres", "places-bound"),
    ("empty-line-kills", "invalid-copy"),
];

/// Hostile guests, none of which may keep the suite from a report, or leave a process.
const HOSTILE: [&str; 4] = ["exits", "daemonises", "prints-gigabytes", "kills-all"];

#[test]
fn each_of_a_sample_of_faults_fails_its_rules_and_no_other() {
    let faults = read_faults(&[]).unwrap();
    let table = fs::read_to_string(root().join("fixtures/guests/faulty/guest.toml")).unwrap();
    let folder = root().join("fixtures/guests/faulty");
    for (name, innocent) in SAMPLE {
        let fault = faults.iter().find(|fault| fault.name == name).unwrap();
        let with_fault = table.replace("{file}\"", &format!("{{file}} --fault {name}\""));
        assert_ne!(with_fault, table);
        let file = guest(&format!("judge-{name}"), &with_fault);
        let out = file.with_file_name("out");
        let mut args = vec![text(&file), "--folder", text(&folder), "--out", text(&out), "--rule", innocent];
        for rule in &fault.fails {
            args.extend(["--rule", rule]);
        }
        suite(&args).code(1);
        let report = report(&out);
        assert_eq!(verdict(&report, innocent), "holds", "{name}: {report:#}");
        for rule in &fault.fails {
            assert_eq!(verdict(&report, rule), "fails", "{name}: {report:#}");
        }
    }
}

#[test]
fn hostile_guests_get_a_report_and_leave_nothing() {
    for name in HOSTILE {
        let out = scratch(&format!("judge-hostile-{name}"));
        let file = root().join(format!("fixtures/guests/hostile/{name}.guest.toml"));
        let rules = ["--rule", "starts", "--rule", "iamat-answer", "--rule", "stops"];
        suite(&[&[text(&file), "--out", text(&out)], &rules[..]].concat());
        assert!(out.join("report.html").exists(), "{name}");
        assert!(report(&out)["rules"].as_array().is_some_and(|rules| rules.len() == 3), "{name}");
        let left = Command::new("pgrep").args(["-f", text(&out)]).output().unwrap();
        assert!(left.stdout.is_empty(), "{name}: {}", String::from_utf8_lossy(&left.stdout));
        assert!(!out.join("run").exists(), "{name}");
    }
}

#[test]
fn the_matrix_of_a_class_is_complete_when_one_guest_is_hostile() {
    let class = scratch("judge-class");
    let herd = fs::read_to_string(root().join("fixtures/guests/this-herd/guest.toml")).unwrap();
    for (name, file) in
        [("right", herd.as_str()), ("broken", "start = "), ("gone", "start = \"false {name}\"")]
    {
        fs::create_dir_all(class.join(name)).unwrap();
        fs::write(class.join(name).join("guest.toml"), file).unwrap();
    }
    let out = class.join("out");
    suite(&["--all", text(&class), "--out", text(&out), "--rule", "iamat-answer"]).code(1);
    let matrix = fs::read_to_string(out.join("matrix.csv")).unwrap();
    for name in ["right", "broken", "gone"] {
        assert!(matrix.contains(name), "{matrix}");
    }
    assert!(out.join("matrix.html").exists());
}
