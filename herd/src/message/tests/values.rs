//! Client ids, locations, times and skews.

use super::*;

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
        // One more than 90 and 180. In the second and third, the fraction is 0 modulo 2^64.
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
