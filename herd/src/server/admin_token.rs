//! The token of the admin port.

use std::fmt;
use std::path::Path;

use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::shared::Shared;
use crate::secret_file;

/// The secret that allows a request to change the node. It cannot be printed.
#[derive(Clone)]
pub struct AdminToken(String);

/// The least length of a token, in characters. A shorter token could be guessed.
const SHORTEST_TOKEN: usize = 16;

impl AdminToken {
    /// Parses the text of a token file.
    ///
    /// # Errors
    /// The token is too short, or has a character that is not visible ASCII. The message does not
    /// contain it.
    pub(super) fn new(token: &str) -> Result<AdminToken, String> {
        if token.len() < SHORTEST_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("expected at least {SHORTEST_TOKEN} visible ASCII characters on one line"));
        }
        Ok(AdminToken(token.to_owned()))
    }

    /// Reads a token from a file that only its owner can read. White space around the token is
    /// ignored.
    ///
    /// # Errors
    /// The file cannot be read, others can read it, or it does not contain a valid token. The
    /// message does not contain the token.
    pub fn read(file: &Path) -> Result<AdminToken, String> {
        secret_file::read(file, "admin token file", AdminToken::new)
    }

    /// Whether a request carries the token. The comparison takes constant time, so that a wrong
    /// token reveals nothing about the right one.
    fn is_in(&self, headers: &HeaderMap) -> bool {
        let value = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let given = value.and_then(|value| value.strip_prefix(b"Bearer "));
        given.is_some_and(|given| given.ct_eq(self.0.as_bytes()).into())
    }
}

impl Shared {
    /// Returns the answer to a request that does not carry the token of this node; `None` if the
    /// request carries it. `what` is what the request asks for.
    pub(super) fn refusal(&self, headers: &HeaderMap, what: &str) -> Option<Response> {
        let Some(token) = &self.admin_token else {
            let how = format!("this node does not allow {what}: start it with --admin-token-file\n");
            return Some((StatusCode::FORBIDDEN, how).into_response());
        };
        if token.is_in(headers) {
            return None;
        }
        let how = "expected the header `Authorization: Bearer TOKEN` with this node's admin token\n";
        Some((StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], how).into_response())
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(..)")
    }
}
