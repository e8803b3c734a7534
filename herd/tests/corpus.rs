//! Runs the fuzz targets on their corpus, without a fuzzer.

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is a library to the fuzz targets")]
mod properties;

use std::fs;

/// Checks a property of every file of a corpus.
#[expect(clippy::print_stdout, reason = "the test runner shows it when the property does not hold")]
fn holds(target: &str, property: fn(&[u8])) {
    let folder = fixtures::checkout::root().join("herd/fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut held = 0;
    for file in files {
        let path = file.unwrap().path();
        println!("{}", path.display());
        property(&fs::read(&path).unwrap());
        held += 1;
    }
    assert!(held > 0, "{} is empty", folder.display());
}

#[test]
fn client_lines() {
    holds("client_line", properties::client_line);
}

#[test]
fn link_lines() {
    holds("link_line", properties::link_line);
}

#[test]
fn hellos() {
    holds("hello", properties::hello);
}

#[test]
fn journals() {
    holds("journal", properties::journal);
}

#[test]
fn bodies_of_places() {
    holds("places_body", properties::places_body);
}

#[test]
fn herd_files() {
    holds("config", properties::config);
}

#[test]
fn extracts() {
    holds("osm_extract", properties::osm_extract);
}

#[test]
fn places_files() {
    holds("places_file", properties::places_file);
}
