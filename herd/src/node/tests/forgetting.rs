//! Forgetting clients that have not reported for long.

use super::*;
use crate::message::ClientId;

const AFTER: Duration = Duration::from_secs(60);

/// A node that forgets clients after a minute.
fn forgetful(name: &str, neighbours: &[&str]) -> Node {
    let mut node = node(name, neighbours);
    node.limits.forget_after = Some(AFTER);
    node
}

/// A time some seconds after [`NOW`].
fn later(seconds: u64) -> Time {
    NOW.plus(Duration::from_secs(seconds))
}

fn forget(node: &mut Node, clock: Time) {
    while node.forget_old(clock) {}
}

#[test]
fn a_client_is_forgotten_a_minute_after_its_last_report_whatever_its_own_clock_says() {
    let mut alford = forgetful("Alford", &[]);
    say_at(&mut alford, "IAMAT kiwi +1+1 1", NOW);
    say_at(&mut alford, "IAMAT plum +1+1 9", later(5));
    // It has the time of the future, so it loses to no later report while it is known.
    say_at(&mut alford, "IAMAT pear +1+1 2000050000", NOW);
    forget(&mut alford, later(59));
    assert_eq!(alford.table().len(), 3);
    forget(&mut alford, later(63));
    assert_eq!((known(&alford, "kiwi"), known(&alford, "pear")), (None, None));
    assert!(known(&alford, "plum").is_some());
    assert_eq!(say_at(&mut alford, "WHATSAT kiwi 10 0", later(63)), "? WHATSAT kiwi 10 0\n");
    say_at(&mut alford, "IAMAT pear +2+2 7", later(64));
    assert!(known(&alford, "pear").unwrap().ends_with(" pear +2+2 7"));
    assert_eq!((alford.table().len(), alford.table().all(), alford.table().clients_forgotten()), (2, 2, 2));
}

#[test]
fn the_horizon_counts_before_the_records_that_it_covers_are_dropped() {
    let mut alford = forgetful("Alford", &[]);
    say(&mut alford, "IAMAT kiwi +1+1 2000050000");
    say(&mut alford, "IAMAT plum +1+1 1");
    alford.hear_forgotten(later(1).window(), later(100));
    assert!(alford.table.is_forgetting());
    assert_eq!(known(&alford, "plum"), None);
    say_at(&mut alford, "IAMAT kiwi +2+2 3", later(100));
    assert!(known(&alford, "kiwi").unwrap().ends_with(" kiwi +2+2 3"));
    forget(&mut alford, later(101));
    assert_eq!((alford.table().len(), alford.table().clients_forgotten()), (1, 2));
}

#[test]
fn memory_is_given_back_and_used_again() {
    let mut alford = forgetful("Alford", &[]);
    for client in 0..20_000 {
        say(&mut alford, &format!("IAMAT client-with-a-long-name-{client} +1+1 1"));
    }
    forget(&mut alford, later(62));
    let table = alford.table();
    assert_eq!((table.len(), table.all(), table.sum(), table.backlog(0)), (0, 0, 0, 0));
    let end = table.end_of_records();
    for client in 0..20_000 {
        say_at(&mut alford, &format!("IAMAT other-client-with-a-long-name-{client} +1+1 1"), later(62));
    }
    assert_eq!((alford.table().len(), alford.table().end_of_records()), (20_000, end));
    assert_eq!(alford.table().changes_after(0).count(), 20_000);
    assert_eq!(alford.table().records(0..end).count(), 20_000);
}

#[test]
fn of_a_forgotten_report_after_a_removal_the_removal_stays() {
    let (mut alford, mut parker) = (forgetful("Alford", &["Parker"]), forgetful("Parker", &["Alford"]));
    say(&mut alford, "IAMAT kiwi +1+1 1");
    alford.remove(ClientId::parse(b"kiwi").unwrap()).unwrap();
    let answer = say_at(&mut alford, "IAMAT kiwi +2+2 2", later(1));
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    for node in [&mut alford, &mut parker] {
        node.hear_forgotten(later(2).window(), later(100));
        forget(node, later(100));
        assert_eq!((node.table().len(), node.table().all(), node.table().ever_removed()), (0, 1, 1));
        let line = node.table().changes_after(0).next().map(|(_, record)| record.line());
        assert_eq!(line.as_deref(), Some(&b"REMOVED 1 kiwi"[..]));
    }
    assert_eq!(alford.table().sum(), parker.table().sum());
    // The report comes again another way, and changes nothing.
    let update = format!("AFTER 1 {}", answer.trim_end());
    let update = crate::message::Update::parse(update.as_bytes()).unwrap();
    assert_eq!(alford.table.apply_update(&update, Source::Backbone), Outcome::Stale);
    // At a node that does not know the removal, the removal is all that counts.
    let mut bolden = forgetful("Bolden", &[]);
    bolden.hear_forgotten(later(2).window(), later(100));
    assert_eq!(bolden.table.apply_update(&update, Source::Backbone), Outcome::Fresh);
    assert_eq!(bolden.table().sum(), parker.table().sum());
}

/// Lets two linked nodes exchange heartbeats until `until`, as their clocks go on.
fn beat(wire: &mut Wire, alford: &mut Node, parker: &mut Node, until: f64) {
    let mut now = 0.0;
    while now < until {
        now += 0.5;
        wire.settle([alford, parker], seconds(now));
    }
}

#[test]
fn neighbours_forget_the_same_and_do_not_diverge_meanwhile() {
    let (mut alford, mut parker) = (forgetful("Alford", &["Parker"]), node("Parker", &["Alford"]));
    say(&mut alford, "IAMAT kiwi +1+1 1");
    let mut wire = Wire::between(&alford, &parker, 1, START);
    beat(&mut wire, &mut alford, &mut parker, 2.0);
    assert!(known(&parker, "kiwi").is_some());
    wire.clocks = [later(100); 2];
    wire.settle([&mut alford, &mut parker], seconds(2.5));
    wire.settle([&mut alford, &mut parker], seconds(3.0));
    forget(&mut alford, later(103));
    assert_eq!((known(&alford, "kiwi"), known(&parker, "kiwi").is_some()), (None, true));
    // Parker has not forgotten yet, or has not dropped its record.
    wire.settle([&mut alford, &mut parker], seconds(3.5));
    wire.settle([&mut alford, &mut parker], seconds(4.0));
    assert_eq!(known(&parker, "kiwi"), None);
    forget(&mut parker, later(104));
    wire.settle([&mut alford, &mut parker], seconds(4.5));
    assert_eq!(wire.ended, [None, None]);
    assert_eq!(parker.table().forgotten(), alford.table().forgotten());
    assert_eq!((parker.table().all(), alford.table().sum()), (0, parker.table().sum()));
}

#[test]
fn a_neighbour_hears_of_the_horizon_before_it_hears_of_what_was_news_under_it() {
    let (mut alford, mut parker) = (forgetful("Alford", &["Parker"]), forgetful("Parker", &["Alford"]));
    // It has the time of the future, so later reports lose to it until it is forgotten.
    say(&mut alford, "IAMAT pear +1+1 2000050000");
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.settle([&mut alford, &mut parker], START);
    assert!(known(&parker, "pear").is_some());
    wire.clocks = [later(100); 2];
    alford.hear_forgotten(later(1).window(), later(100));
    say_at(&mut alford, "IAMAT pear +2+2 7", later(100));
    // No heartbeat is due otherwise.
    wire.settle([&mut alford, &mut parker], seconds(0.1));
    assert!(known(&parker, "pear").unwrap().ends_with(" pear +2+2 7"));
    assert_eq!(wire.ended, [None, None]);
}

#[test]
fn a_node_without_a_witness_for_its_clock_forgets_nothing() {
    let (mut alford, mut parker) = (forgetful("Alford", &["Parker"]), forgetful("Parker", &["Alford"]));
    say(&mut alford, "IAMAT kiwi +1+1 1");
    forget(&mut alford, later(500));
    assert!(known(&alford, "kiwi").is_some(), "it has no link");
    let mut wire = Wire::between(&alford, &parker, 1, START);
    wire.clocks = [later(500), NOW];
    beat(&mut wire, &mut alford, &mut parker, 2.0);
    forget(&mut alford, later(502));
    assert!(known(&alford, "kiwi").is_some(), "its clock differs from its neighbour's");
}

#[test]
fn the_work_of_a_wrong_clock_is_ignored_by_others() {
    let mut alford = node("Alford", &[]);
    say(&mut alford, "IAMAT kiwi +1+1 1");
    alford.hear_forgotten(later(1).window(), later(20));
    assert!(known(&alford, "kiwi").is_some());
    alford.hear_forgotten(later(1).window(), later(40));
    assert_eq!(known(&alford, "kiwi"), None);
}

#[test]
fn a_clock_that_has_gone_back_refuses_reports_that_would_be_forgotten_at_once() {
    let mut alford = forgetful("Alford", &[]);
    forget(&mut alford, later(600));
    assert_eq!(say_at(&mut alford, "IAMAT kiwi +1+1 1", NOW), "? IAMAT kiwi +1+1 1\n");
    assert!(say_at(&mut alford, "IAMAT kiwi +1+1 1", later(600)).starts_with("AT Alford "));
}
