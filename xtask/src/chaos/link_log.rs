//! Reads the events of links from the nodes' logs.

use std::path::Path;
use std::time::SystemTime;

use serde_json::Value;

use crate::oracle::EventKind;

/// Reads the events of a node's links from its log, which has JSON lines. Events that the log has
/// dropped are missing.
pub(super) fn read_link_events(log: &Path, node: usize, names: &[String]) -> Vec<(SystemTime, EventKind)> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().filter_map(|line| link_event(line, node, names)).collect()
}

fn link_event(line: &str, node: usize, names: &[String]) -> Option<(SystemTime, EventKind)> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = &line["fields"];
    let neighbour = names.iter().position(|name| fields["neighbour"] == **name)?;
    let kind = match fields["message"].as_str()? {
        "link up" => EventKind::LinkUp { node, neighbour },
        // Another link has replaced this one and is up.
        "link down" if fields["reason"] == "duplicate" => return None,
        "link down" => EventKind::LinkDown { node, neighbour, reason: fields["reason"].as_str()?.to_owned() },
        _ => return None,
    };
    Some((humantime::parse_rfc3339(line["timestamp"].as_str()?).ok()?, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_that_come_up_or_go_down_are_read() {
        let names = ["Alford", "Parker"].map(str::to_owned);
        let up = r#"{"timestamp":"2026-11-24T10:00:00.5Z","level":"INFO","fields":{"message":"link up","neighbour":"Parker","from":0}}"#;
        let (at, kind) = link_event(up, 0, &names).unwrap();
        assert_eq!(humantime::format_rfc3339_millis(at).to_string(), "2026-11-24T10:00:00.500Z");
        assert_eq!(kind, EventKind::LinkUp { node: 0, neighbour: 1 });
        let replaced = up.replace("link up", "link down").replace("\"from\":0", "\"reason\":\"duplicate\"");
        let other = [up.replace("link up", "link in sync"), up.replace("Parker", "Nobody"), replaced];
        for other in other.iter().map(String::as_str).chain(["", "torn {"]) {
            assert_eq!(link_event(other, 0, &names), None, "{other}");
        }
    }
}
