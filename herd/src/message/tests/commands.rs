//! Commands of clients.

use super::*;

fn whatsat(radius: &str, bound: &str) -> bool {
    Command::parse(format!("WHATSAT kiwi {radius} {bound}").as_bytes()).is_ok()
}

#[test]
fn white_space_is_the_six_ascii_ones_and_no_other() {
    for space in [" ", "\t", "\r", "\x0b", "\x0c", " \t \r"] {
        let line = format!("{space}IAMAT{space}kiwi{space}+1-1{space}1{space}");
        assert!(Command::parse(line.as_bytes()).is_ok(), "{space:?}");
    }
    for space in ["\u{a0}", "\u{2003}", "\u{3000}", "\u{85}", "\0", "\x1c"] {
        let line = format!("IAMAT kiwi{space}+1-1 1");
        assert!(Command::parse(line.as_bytes()).is_err(), "{space:?}");
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
        assert!(Command::parse(line.as_bytes()).is_err(), "{line:?}");
    }
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
        // The fraction is 0 modulo 2^64.
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
        let Ok(Command::Whatsat(whatsat)) = Command::parse(line.as_bytes()) else { panic!("{radius}") };
        assert_eq!(whatsat.metres(), metres);
    }
}

#[test]
fn the_reason_for_a_refusal_takes_no_room_in_a_parsed_line() {
    assert_eq!(size_of::<Result<Command<'_>, Refusal>>(), size_of::<Option<Command<'_>>>());
}
