//! Lines between nodes.

use super::*;

#[test]
fn an_at_line_is_exactly_what_a_node_writes() {
    let line = "AT Alford +0.263873386 kiwi.cs.ucla.edu +34.068930-118.445127 1520023934.918963997";
    assert!(At::parse(line.as_bytes()).is_some());
    for wrong in [
        line.replace("AT ", "AT  "),
        format!(" {line}"),
        format!("{line} "),
        format!("{line} x"),
        line.replace("+0.26", "0.26"),
        line.replace("Alford", "Al/ford"),
        line.replace("Alford", "."),
        line.replace("Alford", ".."),
        line.replace("+34", "+134"),
        line.replace("152002", "x"),
        line.replacen("AT", "at", 1),
        line.replace(' ', "\t"),
    ] {
        assert_eq!(At::parse(wrong.as_bytes()), None, "{wrong:?}");
    }
}

#[test]
fn the_longest_at_line_has_445_bytes() {
    let degrees = |sign: char, whole: u32| format!("{sign}{whole:03}.{}", "9".repeat(32));
    let line = format!(
        "AT {} -253402300799.000000000 {} {}{} 253402300798.999999999",
        "n".repeat(64),
        "k".repeat(LONGEST_CLIENT_ID),
        degrees('-', 89),
        degrees('+', 179),
    );
    assert_eq!(line.len(), 445);
    let at = At::parse(line.as_bytes()).expect("an AT line");
    assert_eq!(at.iamat.client.as_bytes().len(), LONGEST_CLIENT_ID);
}

#[test]
fn link_lines_survive_a_round_trip() {
    let (sums, differ) = (hex(&[u64::MAX; 256]), hex(&[1, 0, 0, 1 << 63]));
    assert_eq!(words(&differ).collect::<Vec<_>>(), [1, 0, 0, 1 << 63]);
    let alive = |forgotten| LinkLine::Alive {
        sum: u128::MAX - 1,
        head: 7,
        heard: 0,
        sent: 1,
        echo: 9,
        clock: u64::MAX / 2,
        forgotten,
    };
    for line in [
        LinkLine::Hello { version: VERSION, name: "Alford", epoch: 1, incarnation: u64::MAX },
        LinkLine::Cursor { epoch: 0xabc, sequence: 17 },
        LinkLine::Update(b"AT Alford +0.000000000 k +1-1 1"),
        LinkLine::Update(b"AFTER 2 AT Alford +0.000000000 k +1-1 1"),
        LinkLine::Update(b"REMOVED 2 k"),
        LinkLine::UpTo(0),
        LinkLine::Synced,
        alive(Forgotten::Unsaid),
        alive(Forgotten::UpTo(5)),
        alive(Forgotten::Soon(5)),
        LinkLine::Sums { seed: 0xabc, group: None, sums: &sums },
        LinkLine::Sums { seed: 0, group: Some(0xf), sums: &sums },
        LinkLine::Differ { group: None, differ: &differ },
        LinkLine::Differ { group: Some(255), differ: &differ },
        LinkLine::Prune("Alford"),
        LinkLine::Graft("Alford"),
        LinkLine::Want { sequence: 42_676, windows: "" },
        LinkLine::Have { sequence: 9, windows: "" },
        LinkLine::Have { sequence: 9, windows: "Alford 7 0000000000000abc Bolden 7 ffffffffffffffff" },
        LinkLine::Want { sequence: 9, windows: "Alford 7 Alford 8" },
        LinkLine::Gave { windows: "" },
        LinkLine::Gave { windows: "Alford 7 0000000000000abc" },
        LinkLine::Bye("nothing heard for 2.5s"),
    ] {
        let mut out = Vec::new();
        line.write(&mut out);
        assert_eq!(out.pop(), Some(b'\n'));
        assert_eq!(LinkLine::parse(&out), Some(line));
    }
}

#[test]
fn lines_outside_the_link_language_are_rejected() {
    for line in [
        "",
        "HELLO",
        "HELLO 5 Alford 1 1",
        "HELLO x Alford 0000000000000001 0000000000000001",
        "UPTO",
        "UPTO -1",
        "UPTO 1 2",
        "ALIVE",
        "ALIVE 1",
        "ALIVE 0 1 1 1 1 1",
        "ALIVE 0000000000000000000000000000000g 1 1 1 1 1",
        "ALIVE 00000000000000000000000000000000 1 1 1 1",
        "ALIVE 00000000000000000000000000000000 1 1 1 1 -1",
        "ALIVE 00000000000000000000000000000000 1 1 1 1 1 -",
        "ALIVE 00000000000000000000000000000000 1 1 1 1 1 ",
        "ALIVE 00000000000000000000000000000000 1 1 1 1 1 1 1",
        "SYNCED now",
        "SUMS 0000000000000001 00",
        "DIFFER 00",
        "CURSOR 1 1",
        "PRUNE",
        "GRAFT Al/ford",
        "HAVE",
        "HAVE 1 Alford",
        "HAVE 1 Alford 7 abc",
        "HAVE 1 Al/ford 7 0000000000000abc",
        "HAVE 1 Alford 7 0000000000000abc Bolden",
        "WANT 1 Alford",
        "WANT 1 Alford x",
        "GAVE Alford 7",
        "GET / HTTP/1.1",
    ] {
        assert_eq!(LinkLine::parse(line.as_bytes()), None, "{line}");
    }
}

#[test]
fn updates_of_removed_clients_have_one_form_each() {
    let at = "AT Alford +0.000000000 k +1-1 1";
    for removals in [1, 70, MOST_REMOVALS] {
        let mut removed = Vec::new();
        Update::write_removal(&mut removed, removals, ClientId::parse(b"k").unwrap());
        let mut after = Vec::new();
        Update::write_report_after(&mut after, removals, at.as_bytes());
        let [removed, after] = [&removed, &after].map(|line| (line, Update::parse(line).unwrap()));
        for (line, update) in [removed, after] {
            assert_eq!((update.line, update.removals), (&line[..], removals));
            assert_eq!(update.client.as_bytes(), b"k");
        }
        assert_eq!(removed.1.report, None);
        assert_eq!(after.1.report, At::parse(at.as_bytes()));
    }
    assert_eq!(Update::parse(at.as_bytes()).map(|update| update.removals), Some(0));
    for line in [
        "REMOVED",
        "REMOVED 1",
        "REMOVED 1 ",
        "REMOVED 0 k",
        "REMOVED 01 k",
        "REMOVED +1 k",
        "REMOVED 1000000000 k",
        "REMOVED 1 k k",
        "REMOVED 1  k",
        "removed 1 k",
        "AFTER 1",
        "AFTER 1 k",
        "AFTER 0 AT Alford +0.000000000 k +1-1 1",
        "AFTER 01 AT Alford +0.000000000 k +1-1 1",
        "AFTER 1 AFTER 1 AT Alford +0.000000000 k +1-1 1",
        "AFTER 1 AT Alford +0.000000000 k +91-1 1",
    ] {
        assert_eq!(Update::parse(line.as_bytes()), None, "{line}");
    }
}

#[test]
fn only_the_number_of_another_version_is_parsed() {
    for version in [OLDEST_VERSION - 1, VERSION + 1] {
        let line = format!("HELLO {version} whatever else");
        let hello = LinkLine::parse(line.as_bytes());
        assert!(matches!(hello, Some(LinkLine::Hello { version: parsed, .. }) if parsed == version));
    }
    assert_eq!(LinkLine::parse(b"HELLO 5 whatever else"), None);
}

#[test]
fn a_hello_has_the_name_of_a_node() {
    for (name, is_name) in [("Alford", true), ("Al/ford", false), ("..", false), ("", false)] {
        let line = format!("HELLO {VERSION} {name} 0000000000000001 0000000000000001");
        assert_eq!(LinkLine::parse(line.as_bytes()).is_some(), is_name, "{line}");
    }
}
