//! The files of a report.

use std::fs;

use xtask::conformance::report::{Report, write_all};

use crate::sample::{HOSTILE, file, report, written};

#[test]
fn report_json_reads_back() {
    let read: Report = serde_json::from_str(&file("report-json", "report.json")).unwrap();
    let mut whole = report();
    for rule in &mut whole.rules {
        rule.transcript.clear();
        rule.last_words.clear();
    }
    assert_eq!(read, whole);
}

#[test]
fn files_are_replaced_as_a_whole() {
    let folder = written("replaced");
    let transcript = folder.join("transcripts/robust-survives.txt");
    assert_eq!(fs::read_to_string(&transcript).unwrap(), HOSTILE.repeat(4000));
    assert!(!folder.join("transcripts/starts.txt").exists());

    let mut shorter = report();
    shorter.rules.last_mut().unwrap().transcript.clear();
    write_all(&shorter, &folder).unwrap();
    assert!(!transcript.exists());
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["junit.xml", "report.html", "report.json", "results.json", "transcripts"]);
}
