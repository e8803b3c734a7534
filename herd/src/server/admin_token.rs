//! The token of the admin port.

use std::fmt;
use std::path::Path;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use subtle::ConstantTimeEq;

use crate::secret_file;

/// What proves to the admin port that somebody may change things. It cannot be printed.
#[derive(Clone)]
pub struct AdminToken(String);

/// A shorter token could be guessed.
const SHORTEST_TOKEN: usize = 16;

impl AdminToken {
    /// Takes a token as it stands in a file.
    ///
    /// # Errors
    /// It is too short or holds anything but visible ASCII. The message does not repeat it.
    pub(super) fn new(token: &str) -> Result<AdminToken, String> {
        if token.len() < SHORTEST_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("expected at least {SHORTEST_TOKEN} visible ASCII characters on one line"));
        }
        Ok(AdminToken(token.to_owned()))
    }

    /// Reads a token from a file that only its owner can read; white space around it does not count.
    ///
    /// # Errors
    /// The file cannot be read, others can read it, or it holds no token. The message does not repeat it.
    pub fn read(file: &Path) -> Result<AdminToken, String> {
        secret_file::read(file, "admin token file", AdminToken::new)
    }

    /// Whether a request carries it. How long that takes does not depend on what is right of a wrong one.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        let value = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let given = value.and_then(|value| value.strip_prefix(b"Bearer "));
        given.is_some_and(|given| given.ct_eq(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(..)")
    }
}
