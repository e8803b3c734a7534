//! Splitting bytes into lines.

use super::*;

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
    // A CR in the last byte of the stream is part of the line.
    assert_eq!(lines_of(10, [&x(10, "\r")[..]]), [Err(x(10, ""))]);
}
