//! Client ids.

/// The longest client id, in bytes. A rule of the language rather than a limit of one node: nodes that
/// judged ids differently would never agree.
pub const LONGEST_CLIENT_ID: usize = 255;

/// Who a report is about: 1 to [`LONGEST_CLIENT_ID`] bytes of UTF-8 without white space or control characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientId<'a>(&'a [u8]);

impl<'a> ClientId<'a> {
    /// Takes a field as a client id, if it is one.
    pub fn parse(field: &'a [u8]) -> Option<Self> {
        let valid = (1..=LONGEST_CLIENT_ID).contains(&field.len())
            // Not `any`: without a way out early, the whole field is looked at at once.
            && !field.iter().fold(false, |found, &byte| found | (byte <= b' ') | (byte == 0x7F))
            && std::str::from_utf8(field).is_ok();
        valid.then_some(ClientId(field))
    }

    /// The id's bytes.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}
