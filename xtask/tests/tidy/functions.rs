//! The length of functions.

use std::fmt::Write;
use std::fs;

use crate::{assert_none, files, place};

/// The most lines of a function, from its `fn` to its closing brace.
const LONGEST_FUNCTION: usize = 70;

#[test]
fn no_function_is_longer_than_a_screen() {
    let mut problems = String::new();
    for file in ["herd", "xtask", "fixtures", "benches"].iter().flat_map(|folder| files(folder, &["rs"])) {
        let text = fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let indent = &line[..line.len() - line.trim_start().len()];
            let words = line.trim_start().trim_start_matches("pub ").trim_start_matches("async ");
            let words = words.split(") ").last().unwrap_or(words);
            if !(line.trim_start().starts_with("fn ") || words.starts_with("fn ") || line.contains(" fn ")) {
                continue;
            }
            if line.trim_start().starts_with("//") || line.ends_with(';') || line.ends_with('}') {
                continue;
            }
            let closing = format!("{indent}}}");
            let length = lines[start..].iter().position(|line| *line == closing).map_or(0, |end| end + 1);
            if length > LONGEST_FUNCTION {
                writeln!(problems, "{}: {length} lines", place(&file, start)).unwrap();
            }
        }
    }
    assert_none(&problems, &format!("split functions of more than {LONGEST_FUNCTION} lines"));
}
