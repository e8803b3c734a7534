//! Compares the reference pages of the book with the code.

use std::collections::BTreeSet;
use std::fs;

use fixtures::checkout::{root, scratch};
use herd::config::Herd;
use herd::journal::Line;
use herd::message::{LinkLine, Refusal};
use herd::node::Limits;
use strum::VariantArray;

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs/src/reference").join(name)).unwrap()
}

/// The cells of the table rows whose first cell is in back quotes, without those.
fn rows(text: &str) -> Vec<(String, Vec<String>)> {
    let row = |line: &str| {
        let mut cells = line.strip_prefix('|')?.strip_suffix('|')?.split(" | ").map(str::trim);
        let name = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
        Some((name.to_owned(), cells.map(str::to_owned).collect()))
    };
    text.lines().filter_map(row).collect()
}

/// The lines of the fenced block of a page.
fn block(page: &str) -> Vec<&str> {
    let inside = page.lines().skip_while(|line| *line != "```text").skip(1);
    inside.take_while(|line| *line != "```").collect()
}

/// The problems of a herd file with this text.
fn problems(name: &str, text: &str) -> String {
    let file = scratch("documented").join(name);
    fs::write(&file, text).unwrap();
    Herd::read(&file).unwrap_err().to_string()
}

/// The names in `text` behind a phrase, up to the end of the line.
fn names_after(text: &str, phrase: &str) -> BTreeSet<String> {
    let list = text.split_once(phrase).unwrap_or_else(|| panic!("no {phrase:?} in {text}")).1;
    list.lines().next().unwrap().split(", ").map(str::to_owned).collect()
}

#[test]
fn the_page_of_the_herd_file_has_the_keys_of_each_table() {
    let page = page("herd-file.md");
    for section in page.split("\n## ").skip(1) {
        let (heading, text) = section.split_once('\n').unwrap();
        let documented: BTreeSet<String> = rows(text).into_iter().map(|(name, _)| name).collect();
        let table = match heading.trim_matches('`') {
            "Top level" => String::new(),
            table => format!("{table}\n"),
        };
        let told = problems("keys.toml", &format!("{table}nonsense_key = 1\n"));
        assert_eq!(documented, names_after(&told, "its keys are "), "{heading}");
    }
    let sections = page.matches("\n## ").count();
    // Of the top-level keys, `name` is not a table, and `limits` has a separate page.
    assert_eq!(
        sections,
        1 + names_after(&problems("top.toml", "nonsense_key = 1\n"), "its keys are ").len() - 2
    );
}

#[test]
fn the_page_of_limits_has_every_limit_with_its_default() {
    let documented = rows(&page("limits.md"));
    let names: BTreeSet<String> = documented.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names.len(), documented.len(), "a limit stands twice");
    let unknown = toml::from_str::<Limits>("nonsense_key = 1").unwrap_err().to_string();
    let known = unknown.split('`').skip(3).step_by(2).map(str::to_owned).collect();
    assert_eq!(names, known);
    for (name, cells) in documented {
        // A default that depends on the machine is described in words.
        let Some(value) = cells[0].strip_prefix('`').and_then(|value| value.strip_suffix('`')) else {
            assert_eq!(name, "memory_bytes");
            continue;
        };
        let limits: Limits = toml::from_str(&format!("{name} = {value}")).unwrap();
        assert_eq!(limits, Limits::default(), "{name}");
    }
}

#[test]
fn the_page_of_the_protocol_has_every_reason_for_a_refusal() {
    let page = page("protocol.md");
    let section = page.split("\n## ").find(|section| section.starts_with("Refused lines\n")).unwrap();
    let names: Vec<String> = rows(section).into_iter().map(|(name, _)| name).collect();
    let expected: Vec<&str> = Refusal::VARIANTS.iter().map(|refusal| refusal.name()).collect();
    assert_eq!(names, expected);
}

/// The first word of a line between nodes. A new kind of line does not compile until it is added
/// here.
fn words_of_link_lines(line: &LinkLine<'_>) -> &'static [&'static str] {
    match line {
        LinkLine::Hello { .. } => &["HELLO"],
        LinkLine::Cursor { .. } => &["CURSOR"],
        LinkLine::Update(_) => &["AT", "REMOVED", "AFTER"],
        LinkLine::UpTo(_) => &["UPTO"],
        LinkLine::Synced => &["SYNCED"],
        LinkLine::Alive { .. } => &["ALIVE"],
        LinkLine::Sums { .. } => &["SUMS"],
        LinkLine::Differ { .. } => &["DIFFER"],
        LinkLine::Prune(_) => &["PRUNE"],
        LinkLine::Graft(_) => &["GRAFT"],
        LinkLine::Have { .. } => &["HAVE"],
        LinkLine::Want { .. } => &["WANT"],
        LinkLine::Gave { .. } => &["GAVE"],
        LinkLine::Bye(_) => &["BYE"],
    }
}

#[test]
fn the_page_of_the_language_of_links_has_every_line_and_its_examples_are_understood() {
    let page = page("link-language.md");
    let rows = rows(&page);
    let first = |text: &str| text.split(' ').next().unwrap().to_owned();
    let documented: BTreeSet<String> =
        rows.iter().map(|(line, _)| first(line)).filter(|word| !word.starts_with('<')).collect();
    let mut shown = BTreeSet::new();
    // The only example that is too long for a page.
    let sums = format!("SUMS {:016x} {}", 1, "0".repeat(256 * 16));
    for example in block(&page).into_iter().chain([&*sums]) {
        let line = LinkLine::parse(example.as_bytes()).unwrap_or_else(|| panic!("not understood: {example}"));
        assert!(words_of_link_lines(&line).contains(&&*first(example)), "{example}");
        if !matches!(line, LinkLine::Update(_)) {
            assert_eq!(line.to_string(), example);
        }
        shown.insert(first(example));
    }
    assert_eq!(documented, shown);
    assert!(page.contains(&format!("version {} of the language", herd::message::VERSION)));
}

/// The first word of a journal line after its number. A new kind of line does not compile until it
/// is added here.
fn word_of_journal_line(line: &Line<'_>) -> &'static str {
    match line {
        Line::Journal { .. } => "JOURNAL",
        Line::Epoch(_) => "EPOCH",
        Line::Boot(_) => "BOOT",
        Line::Update { .. } => "<sequence>",
        Line::Cursor { .. } => "CURSOR",
        Line::Closed => "CLOSED",
    }
}

#[test]
fn the_page_of_the_journal_has_every_line_and_its_example_is_a_journal() {
    let page = page("journal.md");
    let table = page.split("\n## ").next().unwrap();
    let documented: BTreeSet<&str> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split([' ', '`']).next()).collect();
    let mut shown = BTreeSet::from(["CURSOR"]);
    for (index, example) in block(&page).into_iter().enumerate() {
        let (number, line) = Line::parse(example.as_bytes()).unwrap_or_else(|| panic!("damaged: {example}"));
        assert_eq!(number, Some(index as u64 + 1), "{example}");
        shown.insert(word_of_journal_line(&line));
    }
    assert_eq!(documented, shown);
    assert!(page.contains(&format!("This is format {}", herd::journal::FORMAT)));
}
