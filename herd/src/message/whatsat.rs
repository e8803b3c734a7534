//! `WHATSAT <client-id> <radius> <bound>`: a client asks what is near some client.

use super::decimal::{Decimal, Digits, MOST_DECIMALS};
use super::{ClientId, Refusal};

/// The largest radius, in kilometres.
const LARGEST_RADIUS: u64 = 50;

/// The largest number of results.
const LARGEST_BOUND: u64 = 20;

/// A question for the places near a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whatsat<'a> {
    /// The client in the centre.
    pub client: ClientId<'a>,
    radius: Decimal<'a>,
    /// The largest number of results, 0 to 20.
    pub bound: usize,
}

impl<'a> Whatsat<'a> {
    /// Parses the operands of a line.
    ///
    /// # Errors
    /// The first operand that is wrong.
    pub(super) fn parse([client, radius, bound]: [&'a [u8]; 3]) -> Result<Self, Refusal> {
        let client = ClientId::parse(client).ok_or(Refusal::ClientId)?;
        let radius = Decimal::parse(radius, 9, MOST_DECIMALS)
            .filter(|radius| !radius.exceeds(LARGEST_RADIUS))
            .ok_or(Refusal::Radius)?;
        let bound =
            Digits::parse(bound, 9).filter(|bound| bound.value <= LARGEST_BOUND).ok_or(Refusal::Bound)?;
        Ok(Whatsat { client, radius, bound: bound.value as usize })
    }

    /// Returns the radius in metres, exactly: the decimal point is moved by three places, and zeros
    /// at the end are dropped.
    pub fn metres(self) -> String {
        let Decimal { whole, fraction } = self.radius;
        let (moved, rest) = fraction.text.split_at(fraction.text.len().min(3));
        let thousandths =
            Digits::parse(moved, 3).unwrap_or_default().value * 10_u64.pow(3 - moved.len() as u32);
        let metres = whole.value * 1000 + thousandths;
        let rest = String::from_utf8_lossy(rest);
        match rest.trim_end_matches('0') {
            "" => metres.to_string(),
            rest => format!("{metres}.{rest}"),
        }
    }
}
