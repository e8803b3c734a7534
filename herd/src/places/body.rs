//! Validates the bodies of Nearby Search, and cuts their results without changing any byte that
//! stays.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::layout::Layout;

/// The reason why a body cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The body is longer than the limit.
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    /// The body is nested deeper than the limit.
    #[error("it is nested deeper than {0} levels")]
    TooDeep(usize),
    /// The body is not a JSON object with a string `status` and an array `results`.
    #[error("it is not a JSON object with a status and results")]
    NotAnAnswer,
    /// The body has no `places`, and is not the empty object that stands for no places.
    #[error("it has no list of places, and is not empty")]
    NoPlaces,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow, default)]
    results: Option<Vec<&'a RawValue>>,
}

/// Cuts `body` to at most `bound` results by byte offset, replaces every run of line ends by one,
/// and removes line ends at the end. All other bytes stay as they are, including spaces at line
/// ends.
///
/// # Errors
/// `body` is not a JSON object, nested at most `depth` deep, with a string `status` and an array
/// `results`, which may be missing if the status is that of an error.
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

/// An error answer in the same shape, with the message of the error.
pub fn error_object(message: &str) -> Vec<u8> {
    Layout::Current.write(&error_answer("UNKNOWN_ERROR", message))
}

/// An answer with a status and the message of an error.
pub(super) fn error_answer(status: &str, message: &str) -> Value {
    json!({ "error_message": message, "html_attributions": [], "results": [], "status": status })
}

/// The `status` of an answer; empty if it has none.
pub(super) fn status_of(json: &[u8]) -> String {
    serde_json::from_slice::<Answer<'_>>(json).map(|answer| answer.status.into_owned()).unwrap_or_default()
}

fn parse(body: &[u8], depth: usize) -> Result<Vec<&RawValue>, Unusable> {
    if is_deeper_than(body, depth) {
        return Err(Unusable::TooDeep(depth));
    }
    // Serde would also read the struct from an array.
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

/// Whether brackets outside strings nest deeper than `depth`. The parser skips raw values without
/// recursion, so it does not limit the depth itself.
pub(super) fn is_deeper_than(body: &[u8], depth: usize) -> bool {
    let mut level = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
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
    use proptest::prelude::*;

    use super::*;

    const CURRENT: &str = "{\n   \"html_attributions\" : [],\n   \"results\" : \n   [\n      {\n         \"name\" : \"a\"\n      },\n      {\n         \"name\" : \"b\"\n      }\n   ],\n   \"status\" : \"OK\"\n}\n";

    fn usable(body: &[u8], depth: usize) -> Result<(), Unusable> {
        cut(body, 20, depth).map(drop)
    }

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

    /// Writes JSON with arbitrary spaces and line ends where they are allowed.
    fn written(value: &Value, gaps: &mut impl Iterator<Item = usize>) -> String {
        let gap = |gaps: &mut dyn Iterator<Item = usize>| {
            ["", " ", "\n", "   ", "\n\n\n", " \n "][gaps.next().unwrap_or(0) % 6]
        };
        let list =
            |open: &str, close: &str, items: Vec<(String, &Value)>, gaps: &mut dyn Iterator<Item = usize>| {
                let mut text = open.to_owned();
                for (index, (before, item)) in items.into_iter().enumerate() {
                    text += if index > 0 { "," } else { "" };
                    text += gap(gaps);
                    text += &before;
                    text += gap(gaps);
                    text += &written(item, &mut &mut *gaps);
                    text += gap(gaps);
                }
                text + close
            };
        match value {
            Value::Object(members) => {
                let members = members
                    .iter()
                    .map(|(key, value)| (format!("{} :", Value::from(key.as_str())), value))
                    .collect();
                list("{", "}", members, gaps)
            }
            Value::Array(items) => {
                list("[", "]", items.iter().map(|item| (String::new(), item)).collect(), gaps)
            }
            other => other.to_string(),
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[ -~é\\[\\]{}\"\\\\]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-z\"\\\\]{0,4}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_legal_body_is_cut_to_a_legal_body_with_all_else_untouched(
            results in proptest::collection::vec(any_value(), 0..8),
            before in any_value(),
            after in any_value(),
            bound in 0..10_usize,
            gaps in proptest::collection::vec(0..6_usize, 1..60),
        ) {
            let whole = json!({ "a": before, "results": results, "status": "OK", "z": after });
            let body = written(&whole, &mut gaps.iter().copied().cycle());
            let kept = cut(body.as_bytes(), bound, 64).unwrap();
            let expected = json!({ "a": before, "results": results[..bound.min(results.len())], "status": "OK", "z": after });
            prop_assert_eq!(serde_json::from_slice::<Value>(&kept).unwrap(), expected);
            // Outside `results`, only runs of line ends may differ from the body.
            let mut plain = body.into_bytes();
            plain.dedup_by(|next, before| *next == b'\n' && *before == b'\n');
            let plain = plain.strip_suffix(b"\n").unwrap_or(&plain);
            let common = kept.iter().zip(plain).take_while(|(a, b)| a == b).count();
            let tail = kept.len() - common;
            prop_assert_eq!(&kept[common..], &plain[plain.len() - tail..]);
        }
    }

    #[test]
    fn brackets_nest_outside_strings_only() {
        for (body, deepest) in [
            ("{}", 1),
            ("[[{}], []]", 3),
            (r#"["[[[[", "{{{{"]"#, 1),
            (r#"["]]]]", [[]]]"#, 3),
            (r#"["\"[[[", []]"#, 2),
            (r#"["\\", [[]]]"#, 3),
            (r#"[{"a": "\\\"{"}, {"b": []}]"#, 3),
        ] {
            assert!(!is_deeper_than(body.as_bytes(), deepest), "{body}");
            assert!(is_deeper_than(body.as_bytes(), deepest - 1), "{body}");
        }
    }

    #[test]
    fn a_backslash_outside_of_a_string_hides_no_bracket() {
        assert_eq!(usable(b"\\[[1]]", 1), Err(Unusable::TooDeep(1)));
        assert_eq!(usable(b"{\"status\":\"OK\",\"results\":[\"\\\"[[\"]}", 2), Ok(()));
    }
}
