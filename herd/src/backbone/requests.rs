//! Requests to publish again what a region may lack.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A request of a region that the others publish again what it may lack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AgainRequest {
    /// The region that asks.
    pub(super) region: String,
    /// The first window of a node's updates that it may lack, by the node's name. It may lack all
    /// updates of the other nodes.
    pub(super) since: BTreeMap<String, u64>,
}

impl fmt::Display for AgainRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AGAIN {}", self.region)?;
        self.since.iter().try_for_each(|(node, window)| write!(f, " {node} {window}"))
    }
}

/// The error of a request that no node writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnknownRequest;

impl FromStr for AgainRequest {
    type Err = UnknownRequest;

    fn from_str(text: &str) -> Result<AgainRequest, UnknownRequest> {
        let words: Vec<&str> = text.split(' ').collect();
        let ["AGAIN", region, ref nodes @ ..] = *words else { return Err(UnknownRequest) };
        let (pairs, []) = nodes.as_chunks() else { return Err(UnknownRequest) };
        let pair = |[node, window]: &[&str; 2]| Some(((*node).to_owned(), window.parse().ok()?));
        let since = pairs.iter().map(pair).collect::<Option<_>>().ok_or(UnknownRequest)?;
        Ok(AgainRequest { region: region.to_owned(), since })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_was_written() {
        let since = [("Alford".to_owned(), 17), ("Bolden".to_owned(), 9)].into();
        let request = AgainRequest { region: "west".to_owned(), since };
        assert_eq!(request.to_string(), "AGAIN west Alford 17 Bolden 9");
        assert_eq!(request.to_string().parse(), Ok(request));
        let all = AgainRequest { region: "west".to_owned(), since: BTreeMap::new() };
        assert_eq!(all.to_string().parse(), Ok(all));
        for text in ["", "AGAIN", "AGAIN west Alford", "AGAIN west Alford x", "MORE west Alford 1"] {
            assert_eq!(text.parse::<AgainRequest>(), Err(UnknownRequest), "{text:?}");
        }
    }
}
