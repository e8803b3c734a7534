//! Locations on Earth as ISO 6709 decimal degrees without a separator: `+34.068930-118.445127`.

use super::decimal::{Decimal, MOST_DECIMALS};

/// A latitude from -90 to 90 degrees and a longitude from -180 to 180 degrees, with the bytes that
/// the client sent.
///
/// Each half is a sign, 1 to 3 digits, and optionally a point and 1 to 32 digits. There is no
/// altitude and no exponent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location<'a> {
    text: &'a [u8],
    /// The offset of the longitude's sign.
    longitude: usize,
}

impl<'a> Location<'a> {
    /// Parses a field; `None` if it is not a location.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let longitude = 1 + text.get(1..)?.iter().position(|byte| is_sign(*byte))?;
        let valid = is_degrees(&text[..longitude], 90) && is_degrees(&text[longitude..], 180);
        valid.then_some(Location { text, longitude })
    }

    /// Returns the bytes that the client sent.
    pub fn as_bytes(self) -> &'a [u8] {
        self.text
    }

    /// Returns the latitude and the longitude in degrees, rounded to what a float can hold.
    pub fn degrees(self) -> (f64, f64) {
        let (latitude, longitude) = self.text.split_at(self.longitude);
        // Cannot fail: all such decimals are floats.
        let float = |half| str::from_utf8(half).ok().and_then(|half| half.parse().ok()).unwrap_or_default();
        (float(latitude), float(longitude))
    }

    /// Returns `latitude,longitude` without plus signs, because a `+` in a URL means a space.
    ///
    /// # Examples
    /// ```
    /// use herd::message::Location;
    ///
    /// let location = Location::parse(b"+34.068930-118.445127").unwrap();
    /// assert_eq!(location.comma_separated(), "34.068930,-118.445127");
    /// ```
    pub fn comma_separated(self) -> String {
        let (latitude, longitude) = self.text.split_at(self.longitude);
        let plain =
            |half: &[u8]| String::from_utf8_lossy(half.strip_prefix(b"+").unwrap_or(half)).into_owned();
        format!("{},{}", plain(latitude), plain(longitude))
    }
}

fn is_degrees(text: &[u8], bound: u64) -> bool {
    let Some((sign, digits)) = text.split_first() else { return false };
    is_sign(*sign) && Decimal::parse(digits, 3, MOST_DECIMALS).is_some_and(|degrees| !degrees.exceeds(bound))
}

fn is_sign(byte: u8) -> bool {
    matches!(byte, b'+' | b'-')
}
