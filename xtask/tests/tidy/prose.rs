//! The width and the words of prose.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::{assert_none, files, place};

/// The width of prose, in characters.
const WIDTH: usize = 100;

/// Words that this project avoids, and better ones.
const AVOIDED: [(&str, &str); 22] = [
    ("whoever", "anyone who, or the name of the role"),
    ("whomever", "the name of the role"),
    ("anew", "again"),
    ("for ever", "forever"),
    ("of its own", "its own, or separate"),
    ("of their own", "their own, or separate"),
    ("so many", "the number, or as many as"),
    ("so long", "the time, or as long as"),
    ("is told", "learns, receives, or is notified"),
    ("are told", "learn, receive, or are notified"),
    ("nobody need", "no one has to, or may"),
    ("what it takes", "what it needs"),
    ("if nothing is said", "by default"),
    ("look after", "poll, supervise, or operate"),
    ("looks after", "polls, supervises, or operates"),
    ("looked after", "polled, supervised, or operated"),
    ("takes everything", "exhausts"),
    ("nobody need be reading", "a closed pipe is ignored"),
    ("gets his turn", "runs"),
    ("what they knew", "their records"),
    ("what it knew", "its records"),
    ("nobody else's business", "private"),
];

/// The lines of a file without its blocks of code in Markdown, with their numbers from 0.
fn prose(file: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(file).unwrap();
    let mut in_code = false;
    let lines = text.lines().enumerate().filter(|(_, line)| {
        let text = line.trim_start();
        let markdown = ["///", "//!"].iter().find_map(|mark| text.strip_prefix(mark)).unwrap_or(text);
        in_code ^= markdown.trim_start().starts_with("```");
        !in_code
    });
    lines.map(|(number, line)| (number, line.to_owned())).collect()
}

#[test]
fn prose_is_wrapped() {
    let mut problems = String::new();
    for file in files(".", &["md", "rs"]) {
        let is_markdown = file.extension().is_some_and(|ending| ending == "md");
        for (number, line) in prose(&file) {
            let text = line.trim_start();
            // A row of a table, a link, an image and an item of code cannot be broken.
            let is_fixed = |text: &str| {
                let is_code = text.starts_with("- `") && text.ends_with('`');
                is_code || text.starts_with(['|', '<', '!']) || text.contains("](") || text.contains("http")
            };
            let is_prose = if is_markdown {
                !is_fixed(text)
            } else {
                let comment = ["/// ", "//! ", "// "].iter().find_map(|mark| text.strip_prefix(mark));
                comment.is_some_and(|comment| !is_fixed(comment))
            };
            let width = line.chars().count();
            if is_prose && width > WIDTH {
                writeln!(problems, "{}: {width} characters", place(&file, number)).unwrap();
            }
        }
    }
    assert_none(&problems, &format!("wrap prose at {WIDTH} characters"));
}

#[test]
fn prose_does_without_the_words_that_this_project_avoids() {
    let mut problems = String::new();
    for file in files(".", &["md", "rs"]).iter().filter(|file| !file.ends_with("tidy/prose.rs")) {
        for (number, line) in prose(file) {
            let line = line.to_lowercase();
            let words: Vec<&str> =
                line.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '_').collect();
            let line = format!(" {} ", words.join(" "));
            for (word, better) in AVOIDED.iter().filter(|(word, _)| line.contains(&format!(" {word} "))) {
                writeln!(problems, "{}: `{word}`: say {better}", place(file, number)).unwrap();
            }
        }
    }
    assert_none(&problems, "use plainer words");
}
