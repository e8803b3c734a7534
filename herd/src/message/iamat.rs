//! `IAMAT <client-id> <latitude><longitude> <time>`: a client reports where it was, and when.

use super::{ClientId, Location, Stamp};

/// A location report, with the bytes that the client sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Iamat<'a> {
    /// The client.
    pub client: ClientId<'a>,
    /// Its location.
    pub location: Location<'a>,
    /// The time of the report, by the client's clock.
    pub stamp: Stamp<'a>,
}

impl<'a> Iamat<'a> {
    pub(super) fn parse([client, location, stamp]: [&'a [u8]; 3]) -> Option<Self> {
        Some(Iamat {
            client: ClientId::parse(client)?,
            location: Location::parse(location)?,
            stamp: Stamp::parse(stamp)?,
        })
    }
}
