//! What nodes say of the shards that they hold, beside the stream.
//!
//! | text | meaning |
//! |---|---|
//! | `HOLDS <region> <node> <shards> <clients> <elsewhere> <unread> <whole> <stream> <read> <skipped>` | the shards, the number of clients, the number of records of other shards, the number of messages of the stream that are unread, and 1 if nothing is lacking; then the epoch of the stream, the sequence up to which it is read, and that of the last message that was skipped |
//! | `WHO` | answer with that |
//! | `FIND <least> <client>` | answer with the client's AT line, or with nothing if there is none, once the stream is read up to the sequence `least` |

use std::fmt;
use std::str::FromStr;

use super::requests::UnknownRequest;
use crate::node::Shards;

/// The request for a [`Holding`].
pub(super) const WHO: &str = "WHO";

/// What a node says of the shards that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The node's region.
    pub region: String,
    /// The node's name.
    pub node: String,
    /// The shards.
    pub shards: Shards,
    /// The number of clients that it knows.
    pub clients: u64,
    /// The number of records of other shards, which are kept until they are published.
    pub elsewhere: u64,
    /// The number of messages of the stream that it has yet to read.
    pub unread: u64,
    /// Whether it lacks nothing, but for what is new.
    pub is_whole: bool,
    /// The epoch of the stream that it reads.
    pub stream: u64,
    /// The sequence up to which it has read.
    pub read: u64,
    /// The sequence of the last message that it has not read but skipped; 0 if there is none.
    pub skipped: u64,
}

impl fmt::Display for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Holding { region, node, shards, clients, elsewhere, unread, .. } = self;
        let Holding { is_whole, stream, read, skipped, .. } = self;
        let whole = u8::from(*is_whole);
        write!(f, "HOLDS {region} {node} {shards} {clients} {elsewhere} {unread} {whole}")?;
        write!(f, " {stream:016x} {read} {skipped}")
    }
}

impl FromStr for Holding {
    type Err = UnknownRequest;

    fn from_str(text: &str) -> Result<Holding, UnknownRequest> {
        let words: Vec<&str> = text.split(' ').collect();
        let ["HOLDS", region, node, shards, ref numbers @ ..] = *words else { return Err(UnknownRequest) };
        let [clients, elsewhere, unread, whole, stream, read, skipped] = *numbers else {
            return Err(UnknownRequest);
        };
        let number = |text: &str| text.parse().map_err(|_| UnknownRequest);
        Ok(Holding {
            region: region.to_owned(),
            node: node.to_owned(),
            shards: shards.parse().map_err(|_| UnknownRequest)?,
            clients: number(clients)?,
            elsewhere: number(elsewhere)?,
            unread: number(unread)?,
            is_whole: number(whole)? == 1,
            stream: u64::from_str_radix(stream, 16).map_err(|_| UnknownRequest)?,
            read: number(read)?,
            skipped: number(skipped)?,
        })
    }
}

/// A request for the AT line of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Find {
    /// The sequence of the stream that must have been read.
    pub(super) least: u64,
    /// The client's id.
    pub(super) client: String,
}

impl fmt::Display for Find {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FIND {} {}", self.least, self.client)
    }
}

impl FromStr for Find {
    type Err = UnknownRequest;

    fn from_str(text: &str) -> Result<Find, UnknownRequest> {
        let words: Vec<&str> = text.split(' ').collect();
        let ["FIND", least, client] = *words else { return Err(UnknownRequest) };
        Ok(Find { least: least.parse().map_err(|_| UnknownRequest)?, client: client.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nodes_say_of_shards_is_read_as_it_was_written() {
        let holding = Holding {
            region: "west".to_owned(),
            node: "Alford".to_owned(),
            shards: Shards::parse("0-31", 64).unwrap(),
            clients: 1_000,
            elsewhere: 3,
            unread: 7,
            is_whole: true,
            stream: 10,
            read: 90,
            skipped: 4,
        };
        let text = "HOLDS west Alford 0-31/64 1000 3 7 1 000000000000000a 90 4";
        assert_eq!(holding.to_string(), text);
        assert_eq!(holding.to_string().parse(), Ok(holding));
        let find = Find { least: 9, client: "kiwi".to_owned() };
        assert_eq!(find.to_string(), "FIND 9 kiwi");
        assert_eq!(find.to_string().parse(), Ok(find));
        for text in ["", "WHO", "HOLDS west Alford 0/1 1 2 3 1 a 5", "HOLDS west Alford 0/1 1 2 x 1 a 5 6"] {
            assert_eq!(text.parse::<Holding>(), Err(UnknownRequest), "{text:?}");
        }
        for text in ["", "FIND 1", "FIND x kiwi", "FIND 1 kiwi plum"] {
            assert_eq!(text.parse::<Find>(), Err(UnknownRequest), "{text:?}");
        }
    }
}
