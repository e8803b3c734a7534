//! Neighbours that were there, and may have left something unpublished.

use std::collections::BTreeMap;
use std::time::Duration;

use super::message::Header;
use crate::node::{LinkState, Node, Selection};

/// How long a link must have been down before its neighbour counts as absent.
const ABSENCE: Duration = Duration::from_secs(5);

/// How many windows earlier than necessary a node publishes what an absent neighbour received,
/// about a second: the clock of the neighbour may have been set back a little.
const MARGIN: u64 = 15;

/// The neighbours whose links are down.
#[derive(Debug, Default)]
pub struct Absent {
    /// Since when, and whether the neighbour has been reported.
    down: BTreeMap<String, (Duration, bool)>,
}

impl Absent {
    /// Notes which links are down, at the time `now` since any start. Returns the neighbours that
    /// are absent since the last call.
    pub fn note_links(&mut self, node: &Node, now: Duration) -> Vec<String> {
        let down = node.neighbours().filter(|(id, _)| node.link_state(*id) == LinkState::Down);
        self.note_down(&down.map(|(_, name)| name).collect::<Vec<_>>(), now)
    }

    fn note_down(&mut self, down: &[&str], now: Duration) -> Vec<String> {
        self.down.retain(|name, _| down.contains(&name.as_str()));
        let mut absent = Vec::new();
        for name in down {
            let (since, is_reported) = self.down.entry((*name).to_owned()).or_insert((now, false));
            if !*is_reported && now >= *since + ABSENCE {
                *is_reported = true;
                absent.push((*name).to_owned());
            }
        }
        absent
    }
}

/// Returns what is published for an absent neighbour into the stream with the epoch `stream`.
/// `last` is the header of the neighbour's last message that it has.
pub fn left_by(name: String, last: Option<Header>, stream: u64) -> Selection {
    let since = last.map_or(0, |header| header.window_in(stream).saturating_sub(MARGIN));
    Selection::Origin { name, since }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_is_reported_once_for_each_absence() {
        let mut absent = Absent::default();
        let at = Duration::from_secs;
        assert!(absent.note_down(&["Alford"], at(0)).is_empty());
        assert!(absent.note_down(&["Alford", "Bolden"], at(4)).is_empty());
        assert_eq!(absent.note_down(&["Alford", "Bolden"], at(5)), ["Alford"]);
        assert_eq!(absent.note_down(&["Alford", "Bolden"], at(9)), ["Bolden"]);
        assert!(absent.note_down(&["Bolden"], at(20)).is_empty());
        assert!(absent.note_down(&["Alford", "Bolden"], at(21)).is_empty(), "it was back");
        assert_eq!(absent.note_down(&["Alford", "Bolden"], at(26)), ["Alford"]);
    }
}
