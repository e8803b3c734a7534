//! Nodes that hold only some shards.

use super::*;
use crate::node::Shards;

/// A node without neighbours that holds some of eight shards.
const HOLDER: &str = r#"
name = "large"
[[node]]
name = "A"
client = "127.0.0.1:1"
link = "127.0.0.1:2"
holds = "0-3"
[[node]]
name = "B"
client = "127.0.0.1:3"
link = "127.0.0.1:4"
[backbone]
nats = ["nats://127.0.0.1:4222"]
shards = 8
"#;

#[test]
fn a_node_holds_all_shards_or_those_that_its_table_names() {
    let herd = Herd::parse(HOLDER, "h").unwrap();
    let table = herd.backbone.as_ref().unwrap();
    let [a, b] = ["A", "B"].map(|name| herd.member(name).unwrap());
    assert_eq!(table.shards_of(a), Shards::parse("0-3", 8).unwrap());
    assert_eq!(table.shards_of(b), Shards::all(8));
    assert_eq!((table.region_of_node(&herd, a), table.region_of_node(&herd, b)), ("A", "large"));
    assert!(table.is_reader(&herd, a));
    assert_eq!(herd.warnings(), [""; 0], "it needs no links");
    // A written file has no optional tables, but keeps what belongs to a node.
    assert!(herd.to_string().contains("holds = \"0-3\""));
}

#[test]
fn shards_that_a_node_cannot_hold_are_told_with_their_line() {
    for (from, to, expected) in [
        ("\"0-3\"", "\"0-8\"", "7: `holds` names no shards: there is no shard 8: the last one is 7"),
        (
            "\"0-3\"",
            "\"west\"",
            "7: `holds` names no shards: expected shards such as \"0-15\" or \"0-3,8\", or \"none\"",
        ),
        ("shards = 8", "shards = 65", "14: 65 shards are impossible: use 1 to 64"),
        (
            "holds = \"0-3\"",
            "holds = \"0-3\"\nneighbours = [\"B\"]",
            "7: A holds only some shards, so it can have no links: set neighbours = []",
        ),
        (
            "[backbone]\nnats = [\"nats://127.0.0.1:4222\"]\nshards = 8\n",
            "",
            "7: `holds` needs a backbone, which brings a node what others receive: add a [backbone] table with `shards`",
        ),
    ] {
        let text = HOLDER.replacen(from, to, 1);
        assert_ne!(text, HOLDER);
        let ConfigError(problems) = Herd::parse(&text, "h").unwrap_err();
        let found: Vec<String> =
            problems.iter().map(|problem| format!("{}: {}", problem.line, problem.message)).collect();
        assert!(found.iter().any(|problem| problem == expected), "{found:?}");
    }
}
