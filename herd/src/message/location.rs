//! Places on Earth as ISO 6709 decimal degrees, run together: `+34.068930-118.445127`.

use super::decimal::{Decimal, MOST_DECIMALS};

/// A latitude from -90 to 90 and a longitude from -180 to 180 degrees, as the client wrote them.
///
/// Each half is a sign, 1 to 3 digits and optionally a point and 1 to 32 digits. No altitude, no exponent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location<'a> {
    text: &'a [u8],
    /// Where the longitude's sign stands.
    longitude: usize,
}

impl<'a> Location<'a> {
    /// Takes a field as a location, if it is one.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let longitude = 1 + text.get(1..)?.iter().position(|byte| is_sign(*byte))?;
        let valid = is_degrees(&text[..longitude], 90) && is_degrees(&text[longitude..], 180);
        valid.then_some(Location { text, longitude })
    }

    /// The location's bytes as the client sent them.
    pub fn as_bytes(self) -> &'a [u8] {
        self.text
    }

    /// `latitude,longitude` without plus signs, as web services want it: there a `+` would mean a space.
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
