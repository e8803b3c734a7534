//! The ids of clients.

/// The longest client id, in bytes. This is a rule of the language instead of a limit of one node,
/// because nodes that judged ids differently would never agree.
pub const LONGEST_CLIENT_ID: usize = 255;

/// The id of a client: 1 to [`LONGEST_CLIENT_ID`] bytes of UTF-8 without white space or control
/// characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientId<'a>(&'a [u8]);

impl<'a> ClientId<'a> {
    /// Parses a field; `None` if it is not a client id.
    pub fn parse(field: &'a [u8]) -> Option<Self> {
        let valid = (1..=LONGEST_CLIENT_ID).contains(&field.len())
            // A fold instead of `any`: without an early return, the compiler vectorizes it.
            && !field.iter().fold(false, |found, &byte| found | (byte <= b' ') | (byte == 0x7F))
            && std::str::from_utf8(field).is_ok();
        valid.then_some(ClientId(field))
    }

    /// Returns the bytes of the id.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}
