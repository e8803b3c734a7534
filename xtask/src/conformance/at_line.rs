//! An AT line as other herds print it: read with more tolerance than the rules allow, so that one
//! fault in it does not hide everything else.

use std::str;

use super::guest_file::AtOrder;

/// The fields of an AT line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtLine {
    /// The node that received the report, if the line has that many fields.
    pub node: Option<String>,
    /// The skew as it was printed.
    pub skew: Option<String>,
    /// The client's id.
    pub id: String,
    /// The client's location as it was printed.
    pub location: String,
    /// The client's time as it was printed.
    pub time: String,
}

impl AtLine {
    /// Reads a line that begins with `AT`. Its last three fields are the id, the location and the
    /// time; what stands before them may be incomplete.
    pub fn parse(line: &[u8], order: AtOrder) -> Option<AtLine> {
        let line = str::from_utf8(line).ok()?;
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [first, before @ .., id, location, time] = &words[..] else { return None };
        if *first != "AT" {
            return None;
        }
        let [node, skew] = match order {
            AtOrder::ServerSkew => [before.first(), before.get(1)],
            AtOrder::SkewServer => [before.get(1), before.first()],
        };
        let owned = |word: &&str| (*word).to_owned();
        Some(AtLine {
            node: node.map(owned),
            skew: skew.map(owned),
            id: (*id).to_owned(),
            location: (*location).to_owned(),
            time: (*time).to_owned(),
        })
    }

    /// Returns latitude and longitude in degrees.
    pub fn coordinates(&self) -> Option<(f64, f64)> {
        coordinates(&self.location)
    }

    /// Returns the time in seconds.
    pub fn seconds(&self) -> Option<f64> {
        self.time.parse().ok()
    }

    /// Returns the skew in seconds. Of several signs the first counts.
    pub fn skew_seconds(&self) -> Option<f64> {
        let skew = self.skew.as_ref()?;
        let digits = skew.trim_start_matches(['+', '-']);
        let size: f64 = digits.parse().ok()?;
        Some(if skew.starts_with('-') { -size } else { size })
    }
}

/// Splits a location such as `+34.068930-118.445127` at its second sign.
pub fn coordinates(location: &str) -> Option<(f64, f64)> {
    let second = location.get(1..)?.find(['+', '-'])? + 1;
    Some((location[..second].parse().ok()?, location[second..].parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_from_the_end_of_the_line() {
        let line = AtLine::parse(b"AT Hands +0.5 kiwi +34.0-118.5 15.5", AtOrder::ServerSkew).unwrap();
        assert_eq!(line.node.as_deref(), Some("Hands"));
        assert_eq!(line.skew_seconds(), Some(0.5));
        assert_eq!(line.coordinates(), Some((34.0, -118.5)));
        let line = AtLine::parse(b"AT Hands kiwi +34.0-118.5 15.5", AtOrder::ServerSkew).unwrap();
        assert_eq!((line.skew, line.id.as_str()), (None, "kiwi"));
        let line = AtLine::parse(b"AT --0.5 Hands kiwi +34.0-118.5 15.5", AtOrder::SkewServer).unwrap();
        assert_eq!((line.skew_seconds(), line.node.as_deref()), (Some(-0.5), Some("Hands")));
        assert_eq!(AtLine::parse(b"? AT a b c", AtOrder::ServerSkew), None);
        assert_eq!(coordinates("34"), None);
    }
}
