//! `junit.xml`, held against the schema of Jenkins. Readers for GitHub take the same elements.

use roxmltree::{Document, Node};

use crate::sample::file;

/// What the schema says of an element: its name, the attributes that it must have, the attributes
/// that it may have, and its children.
type Element = (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

/// The elements of Jenkins' schema that reports may have.
const ELEMENTS: [Element; 7] = [
    ("testsuites", &[], &["name", "time", "tests", "failures", "errors"], &["testsuite"]),
    (
        "testsuite",
        &["name", "tests", "failures", "errors"],
        &["time", "skipped", "timestamp", "hostname", "id", "package", "file"],
        &["testcase", "system-out", "system-err"],
    ),
    (
        "testcase",
        &["name"],
        &["time", "classname", "group", "file", "line"],
        &["failure", "skipped", "system-out", "system-err"],
    ),
    ("failure", &[], &["type", "message"], &[]),
    ("skipped", &[], &["type", "message"], &[]),
    ("system-out", &[], &[], &[]),
    ("system-err", &[], &[], &[]),
];

fn check_element(node: Node<'_, '_>) {
    let name = node.tag_name().name();
    let (_, required, optional, children) =
        ELEMENTS.iter().find(|(known, ..)| *known == name).unwrap_or_else(|| panic!("<{name}>"));
    for attribute in *required {
        assert!(node.has_attribute(*attribute), "<{name}> without {attribute}");
    }
    for attribute in node.attributes() {
        let (key, value) = (attribute.name(), attribute.value());
        assert!(required.contains(&key) || optional.contains(&key), "<{name} {key}>");
        match key {
            "tests" | "failures" | "errors" | "skipped" => assert!(value.parse::<u32>().is_ok(), "{value}"),
            "time" => {
                let (whole, part) = value.split_once('.').unwrap();
                assert!(whole.parse::<u64>().is_ok() && part.len() <= 3, "{value}");
            }
            _ => {}
        }
    }
    for child in node.children().filter(Node::is_element) {
        assert!(children.contains(&child.tag_name().name()), "{child:?} in <{name}>");
        check_element(child);
    }
    let count = |name: &str| node.descendants().filter(|node| node.has_tag_name(name)).count().to_string();
    for (attribute, element) in [("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")] {
        if let Some(value) = node.attribute(attribute) {
            assert_eq!(value, count(element), "{attribute} of <{name}>");
        }
    }
}

#[test]
fn junit_xml_follows_the_schema() {
    let text = file("junit", "junit.xml");
    let document = Document::parse(&text).unwrap();
    assert!(document.root_element().has_tag_name("testsuites"));
    check_element(document.root_element());
    let failures = document.descendants().filter(|node| node.has_tag_name("failure"));
    let names: Vec<_> = failures.map(|node| node.parent().unwrap().attribute("name").unwrap()).collect();
    assert_eq!(names, ["iamat-skew", "robust-survives"]);
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    assert!(text.chars().all(allowed) && !text.contains('\u{202e}'));
    assert!(text.len() < 100_000, "{}", text.len());
}
