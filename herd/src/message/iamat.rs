//! `IAMAT <client-id> <latitude><longitude> <time>`: a client says where it was, and when.

use super::{ClientId, Location, Stamp};

/// A location report, as the client wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Iamat<'a> {
    /// Who.
    pub client: ClientId<'a>,
    /// Where.
    pub location: Location<'a>,
    /// When, by the client's clock.
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
