//! Records are packed, and come back exactly as they came.

use proptest::prelude::*;

use super::*;
use crate::message::{At, ClientId, Update};

/// Any AT line that the language allows: leading zeros, every number of decimals, the longest
/// names and ids, and times on both sides of the clock.
fn at_line() -> impl Strategy<Value = String> {
    let degrees = |most: u32| (0..=most, "(\\.0{1,32})?", 0_usize..=2);
    let half = |most| {
        ("[+-]", degrees(most), "(\\.[0-9]{1,32})?").prop_map(
            move |(sign, (whole, zeros, width), fraction)| {
                let fraction = if whole == most { zeros } else { fraction };
                format!("{sign}{whole:0width$}{fraction}", width = width + 1)
            },
        )
    };
    let skew = ("[+-]", prop_oneof![0_u64..10, 0_u64..=253_402_300_799], 1_u32..1_000_000_000)
        .prop_map(|(sign, seconds, nanoseconds)| format!("{sign}{seconds}.{nanoseconds:09}"));
    let server = prop_oneof!["Alford", "[a-zA-Z0-9_-]{1,64}"];
    let client = prop_oneof!["[a-z.]{1,30}", "[!-~]{1,255}", "\\PC{1,60}"]
        .prop_map(|id| id.split_whitespace().collect::<String>())
        .prop_filter("a client id", |id| ClientId::parse(id.as_bytes()).is_some());
    let stamp = ("0{0,2}[0-9]{1,10}", "(\\.[0-9]{1,9})?").prop_map(|(whole, fraction)| whole + &fraction);
    (server, skew, client, half(90), half(180), stamp).prop_map(
        |(server, skew, client, latitude, longitude, stamp)| {
            format!("AT {server} {skew} {client} {latitude}{longitude} {stamp}")
        },
    )
}

/// Any update: a report, a removal, or a report after removals.
fn update_line() -> impl Strategy<Value = String> {
    (at_line(), 0_u32..4, 1_u32..1_000_000_000).prop_map(|(at, kind, removals)| match kind {
        0 => format!("AFTER {removals} {at}"),
        1 => format!("REMOVED {removals} {}", at.split(' ').nth(3).unwrap()),
        _ => at,
    })
}

fn parsed(line: &str) -> Update<'_> {
    Update::parse(line.as_bytes()).unwrap_or_else(|| panic!("not an update: {line}"))
}

proptest! {
    #[test]
    fn every_update_comes_back_byte_for_byte(lines in prop::collection::vec(update_line(), 1..4)) {
        let mut table = Table::new(0);
        for line in &lines {
            let update = parsed(line);
            // A shorter update may take the place of a longer one, and the reverse.
            let is_fresh = table.apply_update(&update, Source::Journal) == Outcome::Fresh;
            let record = table.get_even_removed(update.client).unwrap();
            prop_assert!(!is_fresh || record.line() == line.as_bytes());
            prop_assert_eq!(record.client(), update.client.as_bytes());
            if is_fresh {
                prop_assert_eq!(record.at(), update.report.map(|at| at.line.to_vec()));
                prop_assert_eq!(record.removals(), update.removals);
            }
        }
    }

    #[test]
    fn a_client_s_updates_replace_each_other_exactly(at in at_line(), stamps in prop::collection::vec(0_u64..1000, 1..20)) {
        let fields: Vec<&str> = at.split(' ').collect();
        let mut table = Table::new(0);
        let mut latest = None;
        for stamp in stamps {
            // Longer and shorter texts of one client take turns.
            let decimals = usize::try_from(stamp % 9).unwrap() + 1;
            let location = format!("+1.{}-2", "5".repeat(usize::try_from(stamp % 32).unwrap() + 1));
            let line = format!("AT {} {} {} {location} {stamp}.{}", fields[1], fields[2], fields[3], "1".repeat(decimals));
            table.apply_update(&parsed(&line), Source::Client);
            let key = |line: &str| At::parse(line.as_bytes()).unwrap().iamat.stamp.time();
            if latest.as_deref().is_none_or(|known| key(known) < key(&line)) {
                latest = Some(line);
            }
        }
        let record = table.get(parsed(&at).client).unwrap();
        prop_assert_eq!(record.line(), latest.unwrap().into_bytes());
    }
}

#[test]
fn the_longest_line_comes_back_as_it_was() {
    let [server, client, decimals] =
        [("s", 64), ("c", 255), ("9", 32)].map(|(text, count)| text.repeat(count));
    let line = format!(
        "AT {server} -253402300798.999999999 {client} +089.{decimals}-179.{decimals} 253402300798.999999999"
    );
    assert_eq!(line.len(), 445);
    let mut table = Table::new(0);
    assert_eq!(table.apply_update(&parsed(&line), Source::Client), Outcome::Fresh);
    assert_eq!(table.get(parsed(&line).client).unwrap().line(), line.as_bytes());
    assert_eq!(table.apply_update(&parsed(&line), Source::Client), Outcome::Stale);
}

#[test]
fn reports_of_more_servers_than_are_numbered_are_kept_all_the_same() {
    let mut table = Table::new(0);
    let line = |server: u32, time: u32| format!("AT node-{server} +0.000000001 client-{server} +1-1 {time}");
    for time in [1, 2] {
        for server in 0..5000 {
            assert_eq!(table.apply_update(&parsed(&line(server, time)), Source::Journal), Outcome::Fresh);
        }
    }
    for server in [0, 4095, 4096, 4999] {
        let line = line(server, 2);
        assert_eq!(table.get(parsed(&line).client).unwrap().line(), line.as_bytes());
        assert_eq!(table.apply_update(&parsed(&line), Source::Journal), Outcome::Stale);
    }
}
