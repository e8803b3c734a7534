//! What a node answers its clients.

use super::*;

#[test]
fn a_report_is_answered_with_its_skew_and_its_own_bytes() {
    let mut alford = node("Alford", &[]);
    let now = Time { seconds: 1_520_023_935, nanoseconds: 182_837_383 };
    let answer = say_at(&mut alford, "IAMAT kiwi +34.068930-118.445127 1520023934.918963997", now);
    assert_eq!(answer, "AT Alford +0.263873386 kiwi +34.068930-118.445127 1520023934.918963997\n");
}

#[test]
fn an_invalid_command_is_answered_by_a_copy() {
    let mut alford = node("Alford", &[]);
    for line in ["", "  x\t", "WHATSAT nobody 1 1", "AT Bolden +0.000000000 kiwi +1-1 1"] {
        assert_eq!(say(&mut alford, line), format!("? {line}\n"));
    }
    assert!(alford.table().is_empty());
}

#[test]
fn the_latest_time_wins_in_whatever_order_reports_come() {
    let mut alford = node("Alford", &[]);
    say(&mut alford, "IAMAT kiwi +1+1 999.0");
    say(&mut alford, "IAMAT kiwi +2+2 1000.0");
    let stale = say(&mut alford, "IAMAT kiwi +3+3 999.9");
    assert!(stale.contains("+3+3 999.9"), "a stale report is answered with its own line: {stale}");
    assert!(known(&alford, "kiwi").unwrap().ends_with("+2+2 1000.0"));
    assert_eq!(alford.table().head(), 2);
}

#[test]
fn equal_times_are_decided_by_the_first_reception_then_by_the_smaller_line() {
    let lines = [
        "AT Bolden +0.100000000 kiwi +1+1 5",
        "AT Alford +0.200000000 kiwi +2+2 5.0",
        "AT Alford +0.100000000 kiwi +3+3 5.00",
    ];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut table = Table::new(0);
        for index in order {
            table.apply_update(&Update::parse(lines[index].as_bytes()).unwrap(), Source::Client);
        }
        let id = crate::message::ClientId::parse(b"kiwi").unwrap();
        assert_eq!(table.get(id).unwrap().line(), lines[2].as_bytes(), "{order:?}");
    }
}

#[test]
fn a_retry_of_the_same_report_changes_nothing() {
    let mut alford = node("Alford", &[]);
    say(&mut alford, "IAMAT kiwi +1+1 5");
    say_at(&mut alford, "IAMAT kiwi +1+1 5", NOW.plus(seconds(1.0)));
    assert_eq!(alford.table().head(), 1);
}

#[test]
fn a_time_too_far_ahead_is_invalid_and_one_at_the_bound_is_not() {
    let mut alford = node("Alford", &[]);
    let day = 86_400;
    let at_bound = format!("IAMAT kiwi +1+1 {}", NOW.seconds + day);
    let past_bound = format!("IAMAT kiwi +1+1 {}.000000001", NOW.seconds + day);
    assert!(say(&mut alford, &past_bound).starts_with("? "));
    assert!(say(&mut alford, &at_bound).starts_with("AT Alford -86400.000000000 "));
}

#[test]
fn a_full_table_accepts_known_clients_and_all_updates_of_neighbours() {
    let limits = Limits { distinct_clients: 1, ..Limits::default() };
    let mut alford = Node::new("Alford", &[], limits, Lives { epoch: 1, incarnation: 1, hash_seed: 0 });
    assert!(say(&mut alford, "IAMAT kiwi +1+1 1").starts_with("AT "));
    assert!(say(&mut alford, "IAMAT pear +1+1 1").starts_with("? "));
    assert!(say(&mut alford, "IAMAT kiwi +1+1 2").starts_with("AT "));
    let fig = Update::parse(b"AT Bolden +0.000000000 fig +1+1 1").unwrap();
    assert_eq!(alford.table.apply_update(&fig, Source::Client), Outcome::Fresh);
}

#[test]
fn a_bound_of_0_needs_no_service_and_any_other_returns_a_query() {
    let mut alford = node("Alford", &[]);
    let at = say(&mut alford, "IAMAT kiwi +34.0-118.4 1");
    let json = "{\n   \"html_attributions\" : [],\n   \"results\" : [],\n   \"status\" : \"OK\"\n}";
    assert_eq!(say(&mut alford, "WHATSAT kiwi 10 0"), format!("{at}{json}\n\n"));
    let (answer, _) = alford.answer(b"WHATSAT kiwi 0.5 20", NOW, &mut Vec::new());
    let query = PlacesQuery { location: "34.0,-118.4".to_owned(), metres: "500".to_owned(), bound: 20 };
    assert_eq!(answer, Answer::Places { at: at.trim_end().as_bytes().into(), query });
}

#[test]
fn changes_are_read_from_any_sequence_and_superseded_ones_are_skipped() {
    let mut alford = node("Alford", &[]);
    for round in 0..3000 {
        say(&mut alford, &format!("IAMAT often +1+1 {round}"));
    }
    say(&mut alford, "IAMAT once +1+1 1");
    let clients =
        |after| alford.table().changes_after(after).map(|(sequence, _)| sequence).collect::<Vec<_>>();
    assert_eq!(clients(0), [3000, 3001]);
    assert_eq!(clients(3000), [3001]);
    assert_eq!(clients(3001), [0; 0]);
}
