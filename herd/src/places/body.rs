//! Nearby Search bodies: which can be used, and cutting them without touching a byte that stays.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// Why a body cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Longer than a node takes in.
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    /// Nested deeper than a node looks.
    #[error("it is nested deeper than {0} levels")]
    TooDeep(usize),
    /// Not one JSON object with a string `status` and an array `results`.
    #[error("it is no JSON object with a status and results")]
    NotAnAnswer,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow, default)]
    results: Option<Vec<&'a RawValue>>,
}

/// Checks that `body` is one JSON object, nested at most `depth` deep, with a string `status` and an array
/// `results`, which may be missing when the status is an error's.
///
/// # Errors
/// Says what is wrong with it.
pub fn usable(body: &[u8], depth: usize) -> Result<(), Unusable> {
    parse(body, depth).map(drop)
}

/// Cuts `body` to at most `bound` results by byte offset, makes every run of line ends one, and removes those
/// at the end. All other bytes stay as they are, spaces at line ends included.
///
/// # Errors
/// As for [`usable`].
pub fn cut(body: &[u8], bound: usize, depth: usize) -> Result<Vec<u8>, Unusable> {
    let results = parse(body, depth)?;
    let mut kept = Vec::with_capacity(body.len());
    match (results.get(bound), results.last()) {
        (Some(first_cut), Some(last)) => {
            let end = |result: &RawValue| offset(body, result) + result.get().len();
            let stay = match bound.checked_sub(1) {
                Some(last_kept) => end(results[last_kept]),
                None => offset(body, first_cut),
            };
            kept.extend_from_slice(&body[..stay]);
            kept.extend_from_slice(&body[end(last)..]);
        }
        _ => kept.extend_from_slice(body),
    }
    kept.dedup_by(|next, before| *next == b'\n' && *before == b'\n');
    if kept.last() == Some(&b'\n') {
        kept.pop();
    }
    Ok(kept)
}

/// An answer in the same shape that says what failed.
pub fn error_object(message: &str) -> Vec<u8> {
    let message =
        serde_json::Value::from(message).to_string().replace('<', "\\u003c").replace('>', "\\u003e");
    format!(
        "{{\n   \"error_message\" : {message},\n   \"html_attributions\" : [],\n   \"results\" : [],\n   \"status\" : \"UNKNOWN_ERROR\"\n}}"
    )
    .into_bytes()
}

fn parse(body: &[u8], depth: usize) -> Result<Vec<&RawValue>, Unusable> {
    if is_deeper_than(body, depth) {
        return Err(Unusable::TooDeep(depth));
    }
    // A struct would be read from an array, too.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(Unusable::NotAnAnswer);
    }
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|_| Unusable::NotAnAnswer)?;
    match answer.results {
        Some(results) => Ok(results),
        None if matches!(&*answer.status, "OK" | "ZERO_RESULTS") => Err(Unusable::NotAnAnswer),
        None => Ok(Vec::new()),
    }
}

fn offset(body: &[u8], part: &RawValue) -> usize {
    part.get().as_ptr() as usize - body.as_ptr() as usize
}

/// Whether brackets outside strings nest deeper than `depth`. Raw values are skipped without recursion, so
/// the parser itself has no such bound.
fn is_deeper_than(body: &[u8], depth: usize) -> bool {
    let (mut level, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => level += 1,
            b'}' | b']' if !in_string => level = level.saturating_sub(1),
            _ => {}
        }
        if level > depth {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURRENT: &str = "{\n   \"html_attributions\" : [],\n   \"results\" : \n   [\n      {\n         \"name\" : \"a\"\n      },\n      {\n         \"name\" : \"b\"\n      }\n   ],\n   \"status\" : \"OK\"\n}\n";

    #[test]
    fn a_cut_keeps_every_byte_outside_the_results_that_go() {
        let cut = cut(CURRENT.as_bytes(), 1, 64).unwrap();
        let expected = "{\n   \"html_attributions\" : [],\n   \"results\" : \n   [\n      {\n         \"name\" : \"a\"\n      }\n   ],\n   \"status\" : \"OK\"\n}";
        assert_eq!(String::from_utf8(cut).unwrap(), expected);
    }

    #[test]
    fn a_bound_at_or_above_the_number_of_results_only_trims_the_end() {
        for bound in [2, 3, 20] {
            assert_eq!(cut(CURRENT.as_bytes(), bound, 64).unwrap(), CURRENT.trim_end().as_bytes());
        }
    }

    #[test]
    fn runs_of_line_ends_become_one_and_vanish_at_the_end() {
        for tail in ["", "\n", "\n\n\n\n"] {
            let body = format!("{{\n\n\n\"status\" : \"OK\",\n\"results\" : []\n\n}}{tail}");
            let expected = b"{\n\"status\" : \"OK\",\n\"results\" : []\n}";
            assert_eq!(cut(body.as_bytes(), 20, 64).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let deep = format!("{{\"status\":\"OK\",\"results\":[{}{}]}}", "[".repeat(63), "]".repeat(63));
        let bodies: [(&str, Unusable); 9] = [
            ("", Unusable::NotAnAnswer),
            ("<html>", Unusable::NotAnAnswer),
            ("{\"status\":\"OK\",\"results\":[", Unusable::NotAnAnswer),
            ("[\"OK\",[]]", Unusable::NotAnAnswer),
            ("{\"status\":1,\"results\":[]}", Unusable::NotAnAnswer),
            ("{\"status\":\"OK\"}", Unusable::NotAnAnswer),
            ("{\"status\":\"OK\",\"results\":{}}", Unusable::NotAnAnswer),
            ("{\"status\":\"OK\",\"results\":[]} x", Unusable::NotAnAnswer),
            (&deep, Unusable::TooDeep(64)),
        ];
        for (body, expected) in bodies {
            assert_eq!(usable(body.as_bytes(), 64), Err(expected), "{body:.60}");
        }
    }

    #[test]
    fn an_error_of_the_service_needs_no_results() {
        assert_eq!(usable(b"{\"status\":\"REQUEST_DENIED\"}", 64), Ok(()));
    }

    #[test]
    fn brackets_in_strings_do_not_nest() {
        let body = format!("{{\"status\":\"OK\",\"results\":[\"\\\"{}\"]}}", "[".repeat(100));
        assert_eq!(usable(body.as_bytes(), 64), Ok(()));
    }

    #[test]
    fn an_error_object_has_the_shape_of_an_answer() {
        let object = error_object("a \"quoted\" <tag>");
        assert_eq!(usable(&object, 64), Ok(()));
        assert!(!object.contains(&b'<') && !object.ends_with(b"\n"));
    }
}
