//! The API key.

use std::fmt;
use std::path::Path;

use reqwest::header::HeaderValue;

use crate::secret_file;

/// A key that is handed to a provider and to nobody else: it cannot be printed.
#[derive(Clone)]
pub struct Key(String);

impl Key {
    /// Takes a key as it stands in a variable or a file; white space around it does not count.
    ///
    /// # Errors
    /// It is empty or holds anything but visible ASCII. The message does not repeat it.
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
    /// The file cannot be read, others can read it, or it holds no key.
    pub fn read(file: &Path) -> Result<Key, String> {
        secret_file::read(file, "key file", |text| Key::new(text).map_err(str::to_owned))
    }

    /// The key as the value of a header that is not printed either.
    pub(super) fn header(&self) -> HeaderValue {
        let mut value = HeaderValue::from_str(&self.0).expect("a key is visible ASCII");
        value.set_sensitive(true);
        value
    }

    /// The key itself, to be put into a request.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}
