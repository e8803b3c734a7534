//! Tables of cases with exact answers, and properties over arbitrary bytes.

use proptest::prelude::*;

use super::*;

fn iamat(id: &str, location: &str, time: &str) -> bool {
    Command::parse(format!("IAMAT {id} {location} {time}").as_bytes()).is_some()
}

fn whatsat(radius: &str, bound: &str) -> bool {
    Command::parse(format!("WHATSAT kiwi {radius} {bound}").as_bytes()).is_some()
}

fn time(text: &str) -> Time {
    Stamp::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text} is a time")).time()
}

fn written(skew: Skew) -> String {
    let mut out = Vec::new();
    skew.write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn white_space_is_the_six_ascii_ones_and_no_other() {
    for space in [" ", "\t", "\r", "\x0b", "\x0c", " \t \r"] {
        let line = format!("{space}IAMAT{space}kiwi{space}+1-1{space}1{space}");
        assert!(Command::parse(line.as_bytes()).is_some(), "{space:?}");
    }
    for space in ["\u{a0}", "\u{2003}", "\u{3000}", "\u{85}", "\0", "\x1c"] {
        let line = format!("IAMAT kiwi{space}+1-1 1");
        assert!(Command::parse(line.as_bytes()).is_none(), "{space:?}");
    }
}

#[test]
fn a_command_is_upper_case_and_has_three_operands() {
    for line in [
        "",
        " ",
        "IAMAT",
        "IAMAT a +1-1",
        "IAMAT a +1-1 1 1",
        "iamat a +1-1 1",
        "AT a +1-1 1",
        "WHATSAT a 1",
        "WHATSAT a 1 1 1",
    ] {
        assert!(Command::parse(line.as_bytes()).is_none(), "{line:?}");
    }
}

#[test]
fn a_client_id_is_1_to_255_bytes_of_printable_utf8() {
    for id in ["k", "kiwi.cs.ucla.edu", "ключ", "\u{202e}", &"x".repeat(255)] {
        assert!(iamat(id, "+1-1", "1"), "{id:?}");
    }
    for id in [&*"x".repeat(256), "a\0b", "a\x7fb", "a\x1bb", "a\0\0b", "a\x7f\x7fb"] {
        assert!(!iamat(id, "+1-1", "1"), "{id:?}");
    }
    for id in [&b"\xff"[..], b"a\xc0\xaf", b"\xed\xa0\x80", b""] {
        assert_eq!(ClientId::parse(id), None, "{id:?}");
    }
}

#[test]
fn a_location_is_two_signed_decimals_within_bounds() {
    for location in [
        "+34.068930-118.445127",
        "-0+0",
        "+90-180",
        "-90.000+180.000",
        "+090-018",
        "+1.123456789012345-1",
        "+1+0.1194602038839904",
        "-0.00000000000000000000000000000001+0.12345678901234567890123456789012",
        "+90.00000000000000000000000000000000-180.00000000000000000000000000000000",
        "+89.99999999999999999999999999999999+179.99999999999999999999999999999999",
        "+0.0-000.0",
    ] {
        assert!(iamat("kiwi", location, "1"), "{location}");
    }
    for location in [
        "34.0-118.4",
        "+34.0118.4",
        "+34.0",
        "+90.000000000000001-1",
        "+91-1",
        "+1-180.1",
        "+1-181",
        "+0034-1",
        "+-1-1",
        "+1--1",
        "+1.-1",
        "+.5-1",
        "+1.123456789012345678901234567890123-1",
        "+1-1.000000000000000000000000000000000",
        // One more than 90 and 180; the fraction is 0 modulo 2^64 in the second and third.
        "+90.00000000000000000000000000000001-1",
        "+90.18446744073709551616-1",
        "+1-180.36893488147419103232",
        "+1e1-1",
        "+1-1/",
        "+1-1+1",
        "+1,0-1",
        "++1-1",
        "+",
        "+1-",
        "-+",
        "+nan-1",
        "+1-inf",
    ] {
        assert!(!iamat("kiwi", location, "1"), "{location}");
    }
}

#[test]
fn a_location_goes_upstream_without_plus_signs() {
    for (location, expected) in [
        ("+34.068930-118.445127", "34.068930,-118.445127"),
        ("-1+2", "-1,2"),
        ("+1+2.50", "1,2.50"),
        ("-0-0", "-0,-0"),
    ] {
        assert_eq!(Location::parse(location.as_bytes()).unwrap().comma_separated(), expected);
    }
}

#[test]
fn a_time_is_an_unsigned_decimal_up_to_the_year_9999() {
    for stamp in
        ["0", "0.0", "1520023934.918963997", "253402300799", "253402300799.000000000", "000000000001"]
    {
        assert!(iamat("kiwi", "+1-1", stamp), "{stamp}");
    }
    for stamp in [
        "",
        "-1",
        "+1",
        "1.",
        ".5",
        "1e9",
        "1.1234567890",
        "1234567890123",
        "253402300799.000000001",
        "253402300800",
        "nan",
        "0x1",
        "1_0",
        "1,0",
    ] {
        assert!(!iamat("kiwi", "+1-1", stamp), "{stamp}");
    }
}

#[test]
fn times_compare_as_numbers_to_the_nanosecond() {
    assert!(time("999.0") < time("1000.0"));
    assert!(time("1520023934.918963997") < time("1520023934.918963998"));
    assert!(time("1.5") > time("1.05"));
    assert_eq!(time("1.50"), time("001.5"));
}

#[test]
fn a_radius_is_at_most_50_km_and_a_bound_at_most_20() {
    for (radius, bound) in [
        ("0", "0"),
        ("50", "20"),
        ("50.000000000", "000000020"),
        ("0.000000001", "1"),
        ("000000050", "1"),
        ("49.99999999999999999999999999999999", "1"),
        ("50.00000000000000000000000000000000", "1"),
    ] {
        assert!(whatsat(radius, bound), "{radius} {bound}");
    }
    for (radius, bound) in [
        ("51", "1"),
        ("50.000000001", "1"),
        ("-1", "1"),
        ("+1", "1"),
        ("1.", "1"),
        (".5", "1"),
        ("1e1", "1"),
        ("0000000050", "1"),
        ("1.000000000000000000000000000000000", "1"),
        ("50.00000000000000000000000000000001", "1"),
        // Its fraction is 0 modulo 2^64.
        ("50.18446744073709551616", "1"),
        ("1", "21"),
        ("1", "-1"),
        ("1", "+1"),
        ("1", "1.0"),
        ("1", "0000000001"),
        ("1", "x"),
        ("nan", "1"),
    ] {
        assert!(!whatsat(radius, bound), "{radius} {bound}");
    }
}

#[test]
fn a_radius_goes_upstream_in_metres() {
    for (radius, metres) in [
        ("10", "10000"),
        ("0", "0"),
        ("0.5", "500"),
        ("50.000", "50000"),
        ("00010", "10000"),
        ("1.23456", "1234.56"),
        ("0.0001", "0.1"),
        ("12.340500", "12340.5"),
        ("0.000000001", "0.000001"),
        ("0.12345678901234567890123456789012", "123.45678901234567890123456789012"),
        ("49.99999999999999999999999999999000", "49999.99999999999999999999999999"),
        ("0.00000000000000000000000000000001", "0.00000000000000000000000000001"),
    ] {
        let line = format!("WHATSAT kiwi {radius} 1");
        let Some(Command::Whatsat(whatsat)) = Command::parse(line.as_bytes()) else { panic!("{radius}") };
        assert_eq!(whatsat.metres(), metres);
    }
}

#[test]
fn a_skew_has_its_sign_and_nine_decimals() {
    for (received, sent, skew) in [
        ("1520023934.918963997", "1520023934.655090611", "+0.263873386"),
        ("1", "2", "-1.000000000"),
        ("5", "5.0", "+0.000000000"),
        ("0", "253402300799", "-253402300799.000000000"),
        ("1", "1.000000001", "-0.000000001"),
    ] {
        let value = Skew::between(time(received), time(sent));
        assert_eq!(written(value), skew);
        assert_eq!(Skew::parse(skew.as_bytes()), Some(value));
    }
    for skew in [
        "0.000000000",
        "-0.000000000",
        "+1",
        "+1.0",
        "+01.000000000",
        "+.000000000",
        "--1.000000000",
        "+1.0000000000",
        "",
        "+",
    ] {
        assert_eq!(Skew::parse(skew.as_bytes()), None, "{skew}");
    }
}

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
    for line in [
        LinkLine::Hello { version: VERSION, name: "Alford", epoch: 1, incarnation: u64::MAX },
        LinkLine::Cursor { epoch: 0xabc, sequence: 17 },
        LinkLine::Update(b"AT Alford +0.000000000 k +1-1 1"),
        LinkLine::Update(b"AFTER 2 AT Alford +0.000000000 k +1-1 1"),
        LinkLine::Update(b"REMOVED 2 k"),
        LinkLine::UpTo(0),
        LinkLine::Synced,
        LinkLine::Alive { sum: u128::MAX - 1, head: 7, heard: 0, sent: 1, echo: 9, clock: u64::MAX / 2 },
        LinkLine::Sums { seed: 0xabc, group: None, sums: &sums },
        LinkLine::Sums { seed: 0, group: Some(0xf), sums: &sums },
        LinkLine::Differ { group: None, differ: &differ },
        LinkLine::Differ { group: Some(255), differ: &differ },
        LinkLine::Bye("nothing heard for 2.5s"),
    ] {
        let mut out = Vec::new();
        line.write(&mut out);
        assert_eq!(out.pop(), Some(b'\n'));
        assert_eq!(LinkLine::parse(&out), Some(line));
    }
}

#[test]
fn what_is_no_link_line_is_none() {
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
        "SYNCED now",
        "SUMS 0000000000000001 00",
        "DIFFER 00",
        "CURSOR 1 1",
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
fn of_another_version_only_the_number_is_read() {
    let hello = LinkLine::parse(b"HELLO 6 whatever else");
    assert!(matches!(hello, Some(LinkLine::Hello { version: 6, .. })));
}

/// Every line of a stream that comes in the given segments and then ends.
fn lines_of<'a>(
    longest: usize,
    segments: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Result<Vec<u8>, Vec<u8>>> {
    let mut lines = Lines::new(longest);
    let mut found = Vec::new();
    let mut take = |lines: &mut Lines| {
        while let Some(piece) = lines.next_line() {
            match piece {
                Piece::Line(line) => found.push(Ok(line.to_vec())),
                Piece::TooLong(line) => {
                    found.push(Err(line[..longest].to_vec()));
                    lines.discard();
                }
            }
        }
    };
    for segment in segments {
        lines.room().extend_from_slice(segment);
        take(&mut lines);
    }
    lines.end();
    take(&mut lines);
    found
}

#[test]
fn one_cr_before_the_lf_belongs_to_the_line_end() {
    let found = lines_of(10, [&b"a\r\nb\r\r\n\r\n\nc\rd\ne\r"[..]]);
    let expected: Vec<&[u8]> = vec![b"a", b"b\r", b"", b"", b"c\rd", b"e\r"];
    assert_eq!(found, expected.into_iter().map(|line| Ok(line.to_vec())).collect::<Vec<_>>());
}

#[test]
fn a_line_may_have_its_longest_length_and_not_one_byte_more() {
    let x = |length: usize, end: &str| [&vec![b'x'; length][..], end.as_bytes()].concat();
    for end in ["\n", "\r\n", ""] {
        assert_eq!(lines_of(10, [&x(10, end)[..]]), [Ok(x(10, ""))], "{end:?}");
        assert_eq!(lines_of(10, [&x(11, end)[..]]), [Err(x(10, ""))], "{end:?}");
    }
    // A CR at the very end of the stream is part of the line.
    assert_eq!(lines_of(10, [&x(10, "\r")[..]]), [Err(x(10, ""))]);
}

proptest! {
    #[test]
    fn parsing_arbitrary_bytes_never_panics(line in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Command::parse(&line);
        let _ = At::parse(&line);
        let _ = LinkLine::parse(&line);
    }

    #[test]
    fn parsing_almost_commands_never_panics(line in "(IAMAT|WHATSAT|AT|HELLO|CURSOR|UPTO)( [-+.0-9a-z]{0,20}){0,6}") {
        let _ = Command::parse(line.as_bytes());
        let _ = At::parse(line.as_bytes());
        let _ = LinkLine::parse(line.as_bytes());
    }

    #[test]
    fn an_at_line_copies_the_clients_bytes_and_parses_back(
        id in "[!-~]{1,40}",
        location in "[-+][0-8]?[0-9](\\.[0-9]{1,32})?[-+]1?[0-7]?[0-9](\\.[0-9]{1,32})?",
        stamp in "[0-9]{1,11}(\\.[0-9]{1,9})?",
        now in 0..253_402_300_799_u64,
    ) {
        let line = format!("IAMAT {id} {location} {stamp}");
        let Some(Command::Iamat(iamat)) = Command::parse(line.as_bytes()) else { panic!("{line}") };
        let skew = Skew::between(Time { seconds: now, nanoseconds: 7 }, iamat.stamp.time());
        let mut out = Vec::new();
        At::write(&mut out, "Alford", skew, &iamat);
        let at = At::parse(&out).expect("what was written");
        prop_assert_eq!(at.iamat, iamat);
        prop_assert_eq!(at.skew, skew);
        let suffix = format!(" {id} {location} {stamp}");
        prop_assert!(out.ends_with(suffix.as_bytes()));
    }

    #[test]
    fn lines_do_not_depend_on_how_they_were_cut(
        bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'x')], 0..80),
        sizes in proptest::collection::vec(1..9_usize, 1..80),
    ) {
        // Past the first over-long line nothing is promised: the stream cannot be read on.
        let whole = lines_of(12, [&bytes[..]]);
        let mut rest = &bytes[..];
        let mut segments = Vec::new();
        for size in sizes.iter().cycle() {
            if rest.is_empty() { break; }
            let (segment, later) = rest.split_at((*size).min(rest.len()));
            segments.push(segment);
            rest = later;
        }
        let cut = lines_of(12, segments);
        let until = |lines: &[Result<Vec<u8>, Vec<u8>>]| {
            let end = lines.iter().position(Result::is_err).map_or(lines.len(), |position| position + 1);
            lines[..end].to_vec()
        };
        prop_assert_eq!(until(&cut), until(&whole));
    }
}
