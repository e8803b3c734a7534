//! What nodes of different regions say to each other beside the stream.
//!
//! | text | meaning |
//! |---|---|
//! | `AGAIN <region> <number> <stream> <least> <shards> [<node> <window>]...` | the region may lack updates: publish them again |
//! | `PUBLISHING <read> <shards>`, `PUBLISHED <read> <shards>` | the answer: whether everything is stored, and how much of the stream and which shards it covers |
//! | `SUM <region> <node> <sum> <forgotten> <shards>` | the sum of all that the node has, the window up to which it has forgotten reports, and the shards that it holds |
//! | `BUCKETS <seed> <window>` | answer with the sums of all buckets of clients |

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::node::Shards;

/// A request of a region that the others publish again what it may lack.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AgainRequest {
    /// The region that asks.
    pub region: String,
    /// The number of the request, which no other one has. A request is sent again until everything
    /// is published.
    pub number: u64,
    /// The [epoch](super::StreamState::epoch) of the stream.
    pub stream: u64,
    /// The sequence up to which a node must have read the stream to take the request: the region
    /// has not read that much itself.
    pub least: u64,
    /// The shards that it may lack.
    pub shards: Shards,
    /// The first window of a node's updates that it may lack, by the node's name. It may lack all
    /// updates of the other nodes.
    pub since: BTreeMap<String, u64>,
}

impl fmt::Display for AgainRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AgainRequest { region, number, stream, least, shards, since } = self;
        write!(f, "AGAIN {region} {number:016x} {stream:016x} {least} {shards}")?;
        since.iter().try_for_each(|(node, window)| write!(f, " {node} {window}"))
    }
}

/// The error of a text that no node writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownRequest;

impl FromStr for AgainRequest {
    type Err = UnknownRequest;

    fn from_str(text: &str) -> Result<AgainRequest, UnknownRequest> {
        let words: Vec<&str> = text.split(' ').collect();
        let ["AGAIN", region, number, stream, least, shards, ref nodes @ ..] = *words else {
            return Err(UnknownRequest);
        };
        let (pairs, []) = nodes.as_chunks() else { return Err(UnknownRequest) };
        let pair = |[node, window]: &[&str; 2]| Some(((*node).to_owned(), window.parse().ok()?));
        Ok(AgainRequest {
            region: region.to_owned(),
            number: u64::from_str_radix(number, 16).map_err(|_| UnknownRequest)?,
            stream: u64::from_str_radix(stream, 16).map_err(|_| UnknownRequest)?,
            least: least.parse().map_err(|_| UnknownRequest)?,
            shards: shards.parse().map_err(|_| UnknownRequest)?,
            since: pairs.iter().map(pair).collect::<Option<_>>().ok_or(UnknownRequest)?,
        })
    }
}

/// The answer of a node that has taken an [`AgainRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AgainAnswer {
    /// The sequence of the stream that the node had read when it began to publish: what earlier
    /// messages say is published again, and need not be read.
    pub read: u64,
    /// The shards that it publishes.
    pub shards: Shards,
    /// Whether everything is published and stored.
    pub is_published: bool,
}

impl fmt::Display for AgainAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.is_published { "PUBLISHED" } else { "PUBLISHING" };
        write!(f, "{verb} {} {}", self.read, self.shards)
    }
}

impl FromStr for AgainAnswer {
    type Err = UnknownRequest;

    fn from_str(text: &str) -> Result<AgainAnswer, UnknownRequest> {
        let words: Vec<&str> = text.split(' ').collect();
        let [verb, read, shards] = *words else { return Err(UnknownRequest) };
        let is_published = match verb {
            "PUBLISHED" => true,
            "PUBLISHING" => false,
            _ => return Err(UnknownRequest),
        };
        let read = read.parse().map_err(|_| UnknownRequest)?;
        let shards = shards.parse().map_err(|_| UnknownRequest)?;
        Ok(AgainAnswer { read, shards, is_published })
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
    /// The shards that the node holds.
    pub(super) shards: Shards,
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sum { region, node, sum, forgotten, shards } = self;
        write!(f, "SUM {region} {node} {sum:032x} {forgotten} {shards}")
    }
}

impl FromStr for Sum {
    type Err = UnknownRequest;

    fn from_str(text: &str) -> Result<Sum, UnknownRequest> {
        let words: Vec<&str> = text.split(' ').collect();
        let ["SUM", region, node, sum, forgotten, shards] = *words else { return Err(UnknownRequest) };
        let sum = u128::from_str_radix(sum, 16).map_err(|_| UnknownRequest)?;
        let forgotten = forgotten.parse().map_err(|_| UnknownRequest)?;
        let shards = shards.parse().map_err(|_| UnknownRequest)?;
        Ok(Sum { region: region.to_owned(), node: node.to_owned(), sum, forgotten, shards })
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
    fn a_request_and_its_answer_are_read_as_they_were_written() {
        let since = [("Alford".to_owned(), 17), ("Bolden".to_owned(), 9)].into();
        let (region, shards) = ("west".to_owned(), Shards::parse("0-3", 8).unwrap());
        let request = AgainRequest { region, number: 10, stream: 11, least: 4, shards, since };
        let text = "AGAIN west 000000000000000a 000000000000000b 4 0-3/8 Alford 17 Bolden 9";
        assert_eq!(request.to_string(), text);
        let all = AgainRequest { since: BTreeMap::new(), ..request.clone() };
        for request in [request, all] {
            assert_eq!(request.to_string().parse(), Ok(request));
        }
        for (is_published, text) in [(false, "PUBLISHING 17 0-3/8"), (true, "PUBLISHED 17 0-3/8")] {
            let answer = AgainAnswer { read: 17, shards, is_published };
            assert_eq!(answer.to_string(), text);
            assert_eq!(text.parse(), Ok(answer));
        }
    }

    #[test]
    fn a_request_or_an_answer_that_no_node_writes_is_rejected() {
        let wrong = ["AGAIN west 1 2 3 0/1 Alford", "AGAIN west 1 2 3 0/1 Alford x", "MORE west 1 2 3 0/1"];
        let short = ["", "AGAIN", "AGAIN west x 2 3 0/1", "AGAIN west 1 x 3 0/1", "AGAIN west 1 2 3 x"];
        for text in wrong.into_iter().chain(short) {
            assert_eq!(text.parse::<AgainRequest>(), Err(UnknownRequest), "{text:?}");
        }
        for text in ["", "PUBLISHED 1", "PUBLISHED x 0/1", "PUBLISHED 1 2", "PUBLISH 1 0/1"] {
            assert_eq!(text.parse::<AgainAnswer>(), Err(UnknownRequest), "{text:?}");
        }
    }

    #[test]
    fn sums_and_requests_for_them_are_read_as_they_were_written() {
        let (region, node) = ("west".to_owned(), "Alford".to_owned());
        let sum = Sum { region, node, sum: 17 << 96, forgotten: 5, shards: Shards::default() };
        assert_eq!(sum.to_string(), "SUM west Alford 00000011000000000000000000000000 5 0/1");
        assert_eq!(sum.to_string().parse(), Ok(sum));
        let request = BucketsRequest { seed: 255, before: 9 };
        assert_eq!(request.to_string(), "BUCKETS 00000000000000ff 9");
        assert_eq!(request.to_string().parse(), Ok(request));
        for text in [
            "",
            "SUM",
            "SUM west Alford 1",
            "SUM west Alford x 1 0/1",
            "SUM west Alford 1 x 0/1",
            "SUM west Alford 1 2 3",
        ] {
            assert_eq!(text.parse::<Sum>(), Err(UnknownRequest), "{text:?}");
        }
        for text in ["", "BUCKETS", "BUCKETS 1", "BUCKETS x 1", "BUCKETS 1 -1", "BUCKETS 1 2 3"] {
            assert_eq!(text.parse::<BucketsRequest>(), Err(UnknownRequest), "{text:?}");
        }
    }
}
