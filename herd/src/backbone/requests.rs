//! What nodes of different regions say to each other beside the stream.
//!
//! | text | meaning |
//! |---|---|
//! | `AGAIN <region> [<node> <window>]...` | the region may lack updates: publish them again |
//! | `SUM <region> <node> <sum> <forgotten>` | the sum of all that the node has, and the window up to which it has forgotten reports |
//! | `BUCKETS <seed> <window>` | answer with the sums of all buckets of clients |

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::node::Selection;

/// A request of a region that the others publish again what it may lack.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AgainRequest {
    /// The region that asks.
    pub region: String,
    /// The first window of a node's updates that it may lack, by the node's name. It may lack all
    /// updates of the other nodes.
    pub since: BTreeMap<String, u64>,
}

impl AgainRequest {
    /// Returns what a node of another region publishes again.
    pub fn selection(self) -> Selection {
        Selection::Herd { since: self.since }
    }
}

impl fmt::Display for AgainRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AGAIN {}", self.region)?;
        self.since.iter().try_for_each(|(node, window)| write!(f, " {node} {window}"))
    }
}

/// The error of a text that no node writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownRequest;

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

/// The sum of all that a node has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sum {
    /// The node's region.
    pub(super) region: String,
    /// The node's name.
    pub(super) node: String,
    /// The sum, as heartbeats have it.
    pub(super) sum: u128,
    /// The window up to which the node has forgotten reports, as heartbeats have it.
    pub(super) forgotten: u64,
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sum { region, node, sum, forgotten } = self;
        write!(f, "SUM {region} {node} {sum:032x} {forgotten}")
    }
}

impl FromStr for Sum {
    type Err = UnknownRequest;

    fn from_str(text: &str) -> Result<Sum, UnknownRequest> {
        let words: Vec<&str> = text.split(' ').collect();
        let ["SUM", region, node, sum, forgotten] = *words else { return Err(UnknownRequest) };
        let sum = u128::from_str_radix(sum, 16).map_err(|_| UnknownRequest)?;
        let forgotten = forgotten.parse().map_err(|_| UnknownRequest)?;
        Ok(Sum { region: region.to_owned(), node: node.to_owned(), sum, forgotten })
    }
}

/// A request for the sums of all buckets of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BucketsRequest {
    /// The seed of the sums.
    pub(super) seed: u64,
    /// The first window whose updates do not count.
    pub(super) before: u64,
}

impl fmt::Display for BucketsRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BUCKETS {:016x} {}", self.seed, self.before)
    }
}

impl FromStr for BucketsRequest {
    type Err = UnknownRequest;

    fn from_str(text: &str) -> Result<BucketsRequest, UnknownRequest> {
        let words: Vec<&str> = text.split(' ').collect();
        let ["BUCKETS", seed, before] = *words else { return Err(UnknownRequest) };
        let seed = u64::from_str_radix(seed, 16).map_err(|_| UnknownRequest)?;
        Ok(BucketsRequest { seed, before: before.parse().map_err(|_| UnknownRequest)? })
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

    #[test]
    fn sums_and_requests_for_them_are_read_as_they_were_written() {
        let sum = Sum { region: "west".to_owned(), node: "Alford".to_owned(), sum: 17 << 96, forgotten: 5 };
        assert_eq!(sum.to_string(), "SUM west Alford 00000011000000000000000000000000 5");
        assert_eq!(sum.to_string().parse(), Ok(sum));
        let request = BucketsRequest { seed: 255, before: 9 };
        assert_eq!(request.to_string(), "BUCKETS 00000000000000ff 9");
        assert_eq!(request.to_string().parse(), Ok(request));
        for text in [
            "",
            "SUM",
            "SUM west Alford 1",
            "SUM west Alford x 1",
            "SUM west Alford 1 x",
            "SUM west Alford 1 2 3",
        ] {
            assert_eq!(text.parse::<Sum>(), Err(UnknownRequest), "{text:?}");
        }
        for text in ["", "BUCKETS", "BUCKETS 1", "BUCKETS x 1", "BUCKETS 1 -1", "BUCKETS 1 2 3"] {
            assert_eq!(text.parse::<BucketsRequest>(), Err(UnknownRequest), "{text:?}");
        }
    }
}
