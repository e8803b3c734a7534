//! Properties of arbitrary bytes.

use super::*;

proptest! {
    #[test]
    fn parsing_arbitrary_bytes_never_panics(line in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Command::parse(&line).map_err(|refusal| refusal.explain(&line));
        let _ = At::parse(&line);
        let _ = LinkLine::parse(&line);
    }

    #[test]
    fn parsing_almost_commands_never_panics(line in "(IAMAT|WHATSAT|AT|HELLO|CURSOR|UPTO)( [-+.0-9a-z]{0,20}){0,6}") {
        let _ = Command::parse(line.as_bytes()).map_err(|refusal| refusal.explain(line.as_bytes()));
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
        let Ok(Command::Iamat(iamat)) = Command::parse(line.as_bytes()) else { panic!("{line}") };
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
        // Nothing is promised after the first over-long line, because the stream cannot be read
        // further.
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
