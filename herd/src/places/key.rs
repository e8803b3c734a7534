//! The API key.

use std::fmt;
use std::path::Path;

use reqwest::header::HeaderValue;

use crate::secret_file;

/// An API key. It can only be passed to a provider, and cannot be printed.
#[derive(Clone)]
pub struct Key(String);

impl Key {
    /// Parses the text of a variable or a file. White space around the key is ignored.
    ///
    /// # Errors
    /// The key is empty, or has a character that is not visible ASCII. The message does not contain
    /// it.
    pub fn new(text: &str) -> Result<Key, &'static str> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("expected a key of visible ASCII characters on one line");
        }
        Ok(Key(text.to_owned()))
    }

    /// Reads a key from a file that only its owner can read.
    ///
    /// # Errors
    /// The file cannot be read, others can read it, or it does not contain a valid key.
    pub fn read(file: &Path) -> Result<Key, String> {
        secret_file::read(file, "key file", |text| Key::new(text).map_err(str::to_owned))
    }

    /// The key as the value of a header, which cannot be printed either.
    pub(super) fn header(&self) -> HeaderValue {
        let mut value = HeaderValue::from_str(&self.0).expect("a key is visible ASCII");
        value.set_sensitive(true);
        value
    }

    /// The text of the key, for a request.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}
