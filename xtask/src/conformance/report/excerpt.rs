//! Bytes of guests, cut to a bearable length and made visible.

use herd::printable;

/// Returns `text` with escapes in place of control characters. Of a text longer than `most` bytes,
/// it has the beginning, the number of bytes left out, and the end.
pub(in crate::conformance) fn excerpt(text: &str, most: usize) -> String {
    if text.len() <= most {
        return printable::lines(text.as_bytes());
    }
    let begin = &text[..text.floor_char_boundary(most / 2)];
    let end = &text[text.ceil_char_boundary(text.len() - most / 2)..];
    let left_out = text.len() - begin.len() - end.len();
    let [begin, end] = [begin, end].map(|part| printable::lines(part.as_bytes()));
    format!("{begin}\n[... {left_out} bytes are left out here ...]\n{end}")
}

/// Returns a number of points without needless decimals.
pub(in crate::conformance) fn points(points: f64) -> String {
    let text = format!("{points:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_keeps_its_beginning_and_its_end() {
        assert_eq!(excerpt("a\x1b[2J\nb", 10), "a\\u001b[2J\nb");
        assert_eq!(excerpt("0123456789", 4), "01\n[... 6 bytes are left out here ...]\n89");
        assert_eq!(excerpt("éééé", 6), "é\n[... 4 bytes are left out here ...]\né");
    }

    #[test]
    fn points_have_the_decimals_that_they_need() {
        let shown = [37.0, 0.0, 2.5, 1.0 / 3.0, 100.0].map(points);
        assert_eq!(shown, ["37", "0", "2.5", "0.33", "100"]);
    }
}
