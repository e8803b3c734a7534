//! What nodes' logs tell of their links.

use std::path::Path;
use std::time::SystemTime;

use serde_json::Value;

use crate::oracle::What;

/// The links that a node has had, from its log of JSON lines. What the log has lost is missing.
pub(super) fn links(log: &Path, node: usize, names: &[String]) -> Vec<(SystemTime, What)> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().filter_map(|line| event(line, node, names)).collect()
}

fn event(line: &str, node: usize, names: &[String]) -> Option<(SystemTime, What)> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = &line["fields"];
    let neighbour = names.iter().position(|name| fields["neighbour"] == **name)?;
    let what = match fields["message"].as_str()? {
        "link up" => What::LinkUp { node, neighbour },
        // Another one took its place, and is up.
        "link down" if fields["reason"] == "duplicate" => return None,
        "link down" => What::LinkDown { node, neighbour, reason: fields["reason"].as_str()?.to_owned() },
        _ => return None,
    };
    Some((humantime::parse_rfc3339(line["timestamp"].as_str()?).ok()?, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_come_and_go_are_read_and_everything_else_is_not() {
        let names = ["Alford", "Parker"].map(str::to_owned);
        let up = r#"{"timestamp":"2026-11-24T10:00:00.5Z","level":"INFO","fields":{"message":"link up","neighbour":"Parker","from":0}}"#;
        let (at, what) = event(up, 0, &names).unwrap();
        assert_eq!(humantime::format_rfc3339_millis(at).to_string(), "2026-11-24T10:00:00.500Z");
        assert_eq!(what, What::LinkUp { node: 0, neighbour: 1 });
        let replaced = up.replace("link up", "link down").replace("\"from\":0", "\"reason\":\"duplicate\"");
        let other = [up.replace("link up", "link in sync"), up.replace("Parker", "Nobody"), replaced];
        for other in other.iter().map(String::as_str).chain(["", "torn {"]) {
            assert_eq!(event(other, 0, &names), None, "{other}");
        }
    }
}
