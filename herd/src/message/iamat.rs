//! `IAMAT <client-id> <latitude><longitude> <time>`: a client reports where it was, and when.

use super::{ClientId, Location, Refusal, Stamp};

/// A location report, with the bytes that the client sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Iamat<'a> {
    /// The client.
    pub client: ClientId<'a>,
    /// Its location.
    pub location: Location<'a>,
    /// The time of the report, by the client's clock.
    pub stamp: Stamp<'a>,
    /// The three fields as one text, if they end the line and one space separates each from the
    /// next, as usual.
    text: Option<&'a [u8]>,
}

impl<'a> Iamat<'a> {
    /// Parses the fields of a line.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub(super) fn parse(line: &'a [u8], [client, location, stamp]: [&'a [u8]; 3]) -> Result<Self, Refusal> {
        Ok(Iamat {
            client: ClientId::parse(client).ok_or(Refusal::ClientId)?,
            location: Location::parse(location).ok_or(Refusal::Location)?,
            stamp: Stamp::parse(stamp).ok_or(Refusal::Time)?,
            text: joined(line, [client, location, stamp]),
        })
    }

    /// Appends the three fields to `out`, with a space before each.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        if let Some(text) = self.text {
            out.push(b' ');
            out.extend_from_slice(text);
            return;
        }
        for field in [self.client.as_bytes(), self.location.as_bytes(), self.stamp.as_bytes()] {
            out.push(b' ');
            out.extend_from_slice(field);
        }
    }
}

/// Returns the end of a line, if it consists of these fields with one space between them.
fn joined<'a>(line: &'a [u8], [client, location, stamp]: [&'a [u8]; 3]) -> Option<&'a [u8]> {
    let length = client.len() + location.len() + stamp.len() + 2;
    let text = &line[line.len().checked_sub(length)?..];
    // The fields are parts of the line, in this order. If the first one begins here, there is room
    // for one byte only between each and the next, and for none behind the last.
    let is_joined = std::ptr::eq(text.as_ptr(), client.as_ptr());
    let are_spaces = text[client.len()] == b' ' && text[client.len() + 1 + location.len()] == b' ';
    (is_joined && are_spaces).then_some(text)
}
