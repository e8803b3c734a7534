//! Places from OpenStreetMap, and a file of them that is replaced while a node serves.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::{IAMAT, Node, log_of, scratch, wait_for_log, whole_log};
use fixtures::extract::{self, Extract};
use herd::places::osm::build;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// Writes a places file with one place near the client of [`IAMAT`], and one far away.
fn write_places(file: &Path, name: &str) {
    let hours = ("opening_hours", "Mo-Fr 08:00-17:00; Sa 10:00-15:00");
    let street = [("addr:street", "Kiwi Street"), ("addr:housenumber", "1"), ("addr:city", "Westwood")];
    let tags = [&[("name", name), ("amenity", "cafe"), hours], &street[..]].concat();
    let node =
        |id, degrees: [i32; 2]| extract::Node { id, position: degrees.map(|d| d * 1_000), tags: &tags };
    let mut extract = Extract::ordinary();
    extract.nodes(&[node(5, [340_700, -1_184_400]), node(6, [340_700, -1_174_400])]);
    let length = extract.bytes.len() as u64;
    let built = build(std::io::Cursor::new(extract.bytes), length, 1 << 20, |_| {}).unwrap();
    // As `herd places build` does: a node may be reading the former file.
    let part = file.with_extension("part");
    std::fs::write(&part, built.file).unwrap();
    std::fs::rename(&part, file).unwrap();
}

fn start(test: &str, file: &Path, log: &str, more: &[&str]) -> Node {
    let args = ["--places-file", file.to_str().unwrap(), "--log-file", log];
    Node::start_with(test, "", |command| command.args(args).args(more))
}

#[test]
fn an_answer_has_the_legacy_shape_the_credit_and_opening_hours_only_if_asked_for() {
    let test = "osm-answer";
    let file = scratch(test).join("places.bin");
    write_places(&file, "<Kiwi> \u{e9}");
    let place = |hours: &str| {
        format!(
            "      {{\n         \"geometry\" : \n         {{\n            \"location\" : \n            {{\n               \
             \"lat\" : 34.07,\n               \"lng\" : -118.44\n            }}\n         }},\n         \
             \"name\" : \"\\u003cKiwi\\u003e \u{e9}\",\n{hours}         \"place_id\" : \"osm:node/5\",\n         \
             \"scope\" : \"APP\",\n         \"types\" : \n         [\n            \"cafe\",\n            \"food\",\n            \
             \"point_of_interest\",\n            \"establishment\"\n         ],\n         \
             \"vicinity\" : \"Kiwi Street 1, Westwood\"\n      }}\n"
        )
    };
    let hours = "         \"opening_hours\" : \n         {\n            \"weekday_text\" : \n            [\n               \
                 \"Mo-Fr 08:00-17:00\",\n               \"Sa 10:00-15:00\"\n            ]\n         },\n";
    for (more, hours) in [(&[][..], ""), (&["--places-fields", "enterprise"], hours)] {
        let log = log_of(test);
        let node = start(test, &file, &log, more);
        let at = node.ask(IAMAT.as_bytes());
        let credit = "\u{a9} \\u003ca href=\\\"https://www.openstreetmap.org/copyright\\\"\\u003eOpenStreetMap contributors\\u003c/a\\u003e, ODbL 1.0";
        let expected = format!(
            "{at}{{\n   \"html_attributions\" : \n   [\n      \"{credit}\"\n   ],\n   \"results\" : \n   [\n{}   ],\n   \
             \"status\" : \"OK\"\n}}\n\n",
            place(hours)
        );
        assert_eq!(node.ask(b"WHATSAT kiwi 10 5\n"), expected);
        assert!(whole_log(node, &log).contains("places are those of OpenStreetMap places=2"));
    }
}

#[test]
fn a_hangup_replaces_the_places_without_dropping_a_question() {
    let test = "osm-reload";
    let (file, log) = (scratch(test).join("places.bin"), log_of(test));
    write_places(&file, "First");
    let node = start(test, &file, &log, &[]);
    node.ask(IAMAT.as_bytes());
    let hang_up = || kill(Pid::from_raw(node.process.id() as i32), Signal::SIGHUP).unwrap();
    let ask = || {
        let answer = node.ask(b"WHATSAT kiwi 10 5\n");
        let (_, json) = answer.split_once('\n').unwrap();
        let json: Value = serde_json::from_str(json).unwrap();
        json["results"][0]["name"].as_str().unwrap().to_owned()
    };
    assert_eq!(ask(), "First");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut names = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                names.push(ask());
            }
            names
        });
        for round in 1..=5 {
            write_places(&file, &format!("Number {round}"));
            hang_up();
            wait_for_log(&log, "places file reloaded", round);
        }
        is_over.store(true, Ordering::Relaxed);
        let names = asking.join().unwrap();
        let known = |name: &String| name == "First" || name.starts_with("Number ");
        assert!(!names.is_empty() && names.iter().all(known), "{names:?}");
    });
    assert_eq!(ask(), "Number 5");
    let mut damaged = std::fs::read(&file).unwrap();
    damaged[100] ^= 1;
    std::fs::write(&file, damaged).unwrap();
    hang_up();
    wait_for_log(&log, "cannot reload the places file; the former places stay in use", 1);
    assert_eq!(ask(), "Number 5");
    let told = whole_log(node, &log);
    assert!(told.contains("its checksum is wrong"), "{told}");
}

#[test]
fn a_node_without_a_places_file_says_how_to_get_better_places_and_does_not_warn() {
    let test = "osm-none";
    let log = log_of(test);
    let node = Node::start_with(test, "", |command| command.args(["--log-file", &log]));
    let told = whole_log(node, &log);
    let line = told.lines().find(|line| line.contains("herd places build")).unwrap();
    assert!(line.contains("INFO") && line.contains("--places-file"), "{line}");
    assert!(!told.contains("WARN"), "{told}");
}
