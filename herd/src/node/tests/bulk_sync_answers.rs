//! Sums and answers of bulk syncs, including unexpected ones.

use super::bulk_sync::{MANY, report, until_sums};
use super::*;

#[test]
fn unexpected_answers_and_sums_end_the_link() {
    let (zeros, bits) = ("0".repeat(4096), "f".repeat(64));
    for line in
        [format!("DIFFER {bits}"), format!("DIFFER 00 {bits}"), format!("SUMS 0000000000000001 00 {zeros}")]
    {
        let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
        let mut wire = Wire::between(&alford, &parker, 1, START);
        wire.settle([&mut alford, &mut parker], START);
        let end = wire.ends[0].receive(&mut alford, line.as_bytes(), START, NOW);
        assert!(matches!(end, Err(LinkEnd::Framing(_))), "{end:?}");
    }
}

#[test]
fn an_answer_about_a_group_that_was_not_asked_about_ends_the_link() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    report(&mut alford, 0..10 * MANY);
    let mut wire = Wire::between(&alford, &parker, 1, START);
    until_sums(&mut wire, &mut alford, &mut parker);
    let bits = "f".repeat(64);
    // All groups differ, so their buckets will be compared, but no sums of them have been sent yet.
    wire.ends[0].receive(&mut alford, format!("DIFFER {bits}").as_bytes(), START, NOW).unwrap();
    let end = wire.ends[0].receive(&mut alford, format!("DIFFER 00 {bits}").as_bytes(), START, NOW);
    assert!(matches!(end, Err(LinkEnd::Framing(_))), "{end:?}");
}

#[test]
fn sums_of_a_group_in_another_sync_end_the_link() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    report(&mut alford, 0..MANY);
    let mut wire = Wire::between(&alford, &parker, 1, START);
    until_sums(&mut wire, &mut alford, &mut parker);
    wire.transmit(1, &mut parker, START);
    let line = format!("SUMS 0000000000000001 00 {}", "0".repeat(4096));
    let end = wire.ends[1].receive(&mut parker, line.as_bytes(), START, NOW);
    assert!(matches!(end, Err(LinkEnd::Framing(_))), "{end:?}");
}

#[test]
fn each_bulk_sync_has_different_sums() {
    let mut seeds = Vec::new();
    for life in 1..3 {
        let mut alford = node_of_life("Alford", &["Bolden", "Parker"], life);
        report(&mut alford, 0..MANY);
        for (link, name) in ["Bolden", "Parker"].into_iter().enumerate() {
            let mut other = node(name, &["Alford"]);
            let mut wire = Wire::between(&alford, &other, link as u64, START);
            until_sums(&mut wire, &mut alford, &mut other);
            let said = wire.said.iter().find(|line| line.starts_with("SUMS ")).unwrap();
            seeds.push(said.split(' ').nth(1).unwrap().to_owned());
        }
    }
    seeds.sort();
    seeds.dedup();
    assert_eq!(seeds.len(), 4, "{seeds:?}");
}

#[test]
fn a_link_that_ends_gives_back_its_own_bulk_sync_only() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford", "Bolden"]));
    let mut bolden = node("Bolden", &["Parker"]);
    report(&mut alford, 0..MANY);
    let mut other = Wire::between(&bolden, &parker, 2, START);
    other.settle([&mut bolden, &mut parker], START);
    let mut wire = Wire::between(&alford, &parker, 1, START);
    until_sums(&mut wire, &mut alford, &mut parker);
    wire.transmit(1, &mut parker, START);
    assert!(parker.bulk.is_some());
    other.cut([&mut bolden, &mut parker]);
    assert!(parker.bulk.is_some(), "the other link has ended");
    wire.cut([&mut alford, &mut parker]);
    assert!(parker.bulk.is_none());
}
