//! Shards: the parts into which clients are divided, so that not every node has to keep all of
//! them.

use std::fmt;
use std::str::FromStr;

use xxhash_rust::xxh3::xxh3_64;

/// The largest number of shards.
pub const MOST_SHARDS: u8 = 64;

/// The shards that a node holds, of all that there are. A client belongs to the same shard at every
/// node.
///
/// # Examples
/// ```
/// use herd::node::Shards;
///
/// let held = Shards::parse("0-2,5", 8).unwrap();
/// assert_eq!(held.to_string(), "0-2,5/8");
/// assert_eq!(held.iter().collect::<Vec<_>>(), [0, 1, 2, 5]);
/// assert_eq!(held.iter().any(|shard| shard == held.of(b"kiwi")), held.holds(b"kiwi"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shards {
    /// The number of all shards.
    count: u8,
    /// One bit for each shard that is held, the first one lowest.
    held: u64,
}

/// The error of a text that does not name shards.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownShards {
    /// The text is something else.
    #[error("expected shards such as \"0-15\" or \"0-3,8\", or \"none\"")]
    Unreadable,
    /// There are fewer shards.
    #[error("there is no shard {0}: the last one is {1}")]
    TooLarge(u8, u8),
}

impl Default for Shards {
    /// All clients are in one shard, which is held.
    fn default() -> Shards {
        Shards::all(1)
    }
}

impl Shards {
    /// Returns all shards, 1 to [`MOST_SHARDS`].
    pub fn all(count: u8) -> Shards {
        Shards { count, held: u64::MAX >> (MOST_SHARDS - count) }
    }

    /// Reads the shards that are held: numbers and ranges with commas between them, or `none`.
    ///
    /// # Errors
    /// The text is something else, or one of the numbers is not less than `count`.
    pub fn parse(text: &str, count: u8) -> Result<Shards, UnknownShards> {
        let mut held = 0;
        for part in text.split(',').filter(|_| text != "none") {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let number = |text: &str| text.trim().parse::<u8>().map_err(|_| UnknownShards::Unreadable);
            let (first, last) = (number(first)?, number(last)?);
            if last >= count {
                return Err(UnknownShards::TooLarge(last, count - 1));
            }
            if first > last {
                return Err(UnknownShards::Unreadable);
            }
            held |= (first..=last).fold(0, |held, shard| held | 1 << shard);
        }
        Ok(Shards { count, held })
    }

    /// Returns the number of all shards.
    pub fn count(self) -> u8 {
        self.count
    }

    /// Returns whether all shards are held.
    pub fn are_all(self) -> bool {
        self == Shards::all(self.count)
    }

    /// Returns whether no shard is held.
    pub fn are_none(self) -> bool {
        self.held == 0
    }

    /// Returns the shard of a client.
    pub fn of(self, client: &[u8]) -> u8 {
        // The lower bits decide on the bucket of a client, which is something else.
        ((xxh3_64(client) >> 32) % u64::from(self.count)) as u8
    }

    /// Returns whether the shard of a client is held.
    pub fn holds(self, client: &[u8]) -> bool {
        self.are_all() || self.held & 1 << self.of(client) != 0
    }

    /// Returns the shards that are held, in ascending order.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..self.count).filter(move |shard| self.held & 1 << shard != 0)
    }

    /// Returns the shards that are held here and there: none if the clients are divided otherwise
    /// there.
    pub fn common(self, other: Shards) -> Shards {
        let held = if self.count == other.count { self.held & other.held } else { 0 };
        Shards { held, ..self }
    }

    /// Returns the shards that are held here and not there.
    pub fn without(self, other: Shards) -> Shards {
        Shards { held: self.held & !self.common(other).held, ..self }
    }

    /// Returns the shards that are held here or there.
    pub fn with(self, other: Shards) -> Shards {
        Shards { held: self.held | other.common(Shards::all(self.count)).held, ..self }
    }

    /// Returns the shards that are held, without the number of all.
    pub fn held(self) -> String {
        let mut text = String::new();
        let mut shards = self.iter().peekable();
        while let Some(first) = shards.next() {
            let mut last = first;
            while let Some(next) = shards.next_if_eq(&(last + 1)) {
                last = next;
            }
            let comma = if text.is_empty() { "" } else { "," };
            text += &match first == last {
                true => format!("{comma}{first}"),
                false => format!("{comma}{first}-{last}"),
            };
        }
        if text.is_empty() { "none".to_owned() } else { text }
    }
}

impl fmt::Display for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.held(), self.count)
    }
}

impl FromStr for Shards {
    type Err = UnknownShards;

    fn from_str(text: &str) -> Result<Shards, UnknownShards> {
        let (held, count) = text.split_once('/').ok_or(UnknownShards::Unreadable)?;
        match count.parse() {
            Ok(count @ 1..=MOST_SHARDS) => Shards::parse(held, count),
            _ => Err(UnknownShards::Unreadable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_read_as_they_were_written() {
        for text in ["0/1", "0-63/64", "none/8", "0-1,3,5-7/8"] {
            assert_eq!(text.parse::<Shards>().unwrap().to_string(), text);
        }
        assert_eq!(Shards::parse("0-1,1-3", 8).unwrap().to_string(), "0-3/8");
        assert_eq!(Shards::all(64).to_string(), "0-63/64");
    }

    #[test]
    fn a_text_that_names_no_shards_is_rejected() {
        for text in ["", "x", "1-", "-1", "3-2", "1,,2", "0-7,"] {
            assert_eq!(Shards::parse(text, 8), Err(UnknownShards::Unreadable), "{text:?}");
        }
        assert_eq!(Shards::parse("0-8", 8), Err(UnknownShards::TooLarge(8, 7)));
        for text in ["0", "0/0", "0/65", "0/x", "1/1"] {
            assert!(text.parse::<Shards>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn clients_are_divided_evenly() {
        let half = Shards::parse("0-31", 64).unwrap();
        let held = (0..10_000).filter(|client| half.holds(format!("client-{client}").as_bytes())).count();
        assert!((4_700..5_300).contains(&held), "{held}");
        assert!(Shards::default().holds(b"kiwi"));
    }

    #[test]
    fn sets_of_shards_are_compared_if_they_divide_clients_alike() {
        let shards = |text| Shards::parse(text, 8).unwrap();
        assert_eq!(shards("0-3").common(shards("2-5")), shards("2-3"));
        assert_eq!(shards("0-3").without(shards("2-5")), shards("0-1"));
        assert_eq!(shards("0-3").with(shards("2-5")), shards("0-5"));
        let others = Shards::all(4);
        assert!(shards("0-3").common(others).are_none());
        assert_eq!(shards("0-3").without(others), shards("0-3"));
        assert_eq!(shards("0-3").with(others), shards("0-3"));
    }
}
