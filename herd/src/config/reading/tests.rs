use crate::config::tests::{PAIR, problems};
use crate::config::{ConfigError, Herd};

#[test]
fn a_misspelt_key_hides_no_other_problem() {
    let text = PAIR
        .replacen("neighbours = [\"B\"]", "neigbours = [\"B\", \"B\"]", 1)
        .replace("client = \"127.0.0.1:3\"", "cleint = 5")
        .replace(
            "name = \"pair\"",
            "name = 7\n[limit]\ndistinct_client = 1\nlinger = 2\n[place]\nprovider = \"x\"\n[x]",
        );
    let ConfigError(problems) = Herd::parse(&text, "h").unwrap_err();
    let found: Vec<String> =
        problems.iter().map(|problem| format!("{}: {}", problem.line, problem.message)).collect();
    let expected = [
        "2: the herd's `name` must be a string, not an integer",
        "3: a herd file has no key `limit`: did you mean `limits`?",
        "4: [limits] has no key `distinct_client`: did you mean `distinct_clients`?",
        "5: `linger`: invalid type: integer `2`, expected a string",
        "6: a herd file has no key `place`: did you mean `places`?",
        "7: `provider`: unknown variant `x`, expected one of `offline`, `osm`, `google`, `google-legacy`, `none`",
        "8: a herd file has no key `x`: its keys are admin, backbone, clients, limits, links, name, node, places, traces",
        "13: [[node]] has no key `neigbours`: did you mean `neighbours`?",
        "13: A names B as a neighbour twice",
        "16: [[node]] has no key `cleint`: did you mean `client`?",
        "16: `client`: invalid type: integer `5`, expected a string",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_misspelt_key_beside_the_right_one_is_reported_and_does_not_replace_it() {
    let found = problems("neighbours = [\"B\"]", "neighbours = [\"B\"]\nneighbour = [\"C\"]");
    assert_eq!(found, ["8: [[node]] has no key `neighbour`: did you mean `neighbours`?"]);
}

#[test]
fn a_node_without_anything_lacks_a_name_and_addresses() {
    let found = problems("[[node]]\nname = \"B\"", "[[node]]\n[[node]]\nname = \"B\"");
    let expected = ["name", "client", "link"].map(|key| format!("8: this [[node]] has no `{key}`: add one"));
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().zip(&expected).all(|(found, expected)| found.starts_with(expected)), "{found:?}");
}

#[test]
fn every_mistake_of_syntax_is_told() {
    let found = problems("name = \"pair\"", "name = \npair");
    assert!(found.len() == 2 && found[0].starts_with("2: ") && found[1].starts_with("3: "), "{found:?}");
}

#[test]
fn tables_that_are_none_and_herds_without_nodes_are_problems() {
    for (text, expected) in [
        (
            "name = \"x\"\nlimits = 5\nnode = []",
            &["2: [limits] must be a table, not an integer", "3: a herd needs"][..],
        ),
        ("name = \"x\"\n[node]\nname = \"A\"", &["2: `node` must be an array of tables: write [[node]]"]),
        ("", &["0: the herd has no name", "0: a herd needs at least one [[node]] table"]),
        ("name = \"x\"\nnode = [1]", &["2: [[node]] must be a table, not an integer"]),
    ] {
        let ConfigError(problems) = Herd::parse(text, "h").unwrap_err();
        let found: Vec<String> =
            problems.iter().map(|problem| format!("{}: {}", problem.line, problem.message)).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        assert!(found.iter().zip(expected).all(|(found, expected)| found.starts_with(expected)), "{found:?}");
    }
}

#[test]
fn all_contradictions_of_bounds_are_told_at_once() {
    let table = "[limits]\nheartbeat = \"3s\"\nlink_line_bytes = 1\nredial_first = \"2s\"\n";
    let ConfigError(problems) = Herd::parse(&format!("{PAIR}{table}"), "h").unwrap_err();
    assert_eq!(problems.len(), 3, "{problems:?}");
    let unread = table.replace("\"2s\"", "\"soon\"");
    let ConfigError(problems) = Herd::parse(&format!("{PAIR}{unread}"), "h").unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
}

#[test]
fn a_neighbour_that_is_misspelt_is_guessed() {
    let renamed = PAIR.replace("\"B\"", "\"Bolden\"").replacen("[\"Bolden\"]", "[\"Boldn\"]", 1);
    let ConfigError(problems) = Herd::parse(&renamed, "h").unwrap_err();
    assert!(
        problems[0].message.ends_with("no [[node]] has that name; did you mean `Bolden`?"),
        "{problems:?}"
    );
}
