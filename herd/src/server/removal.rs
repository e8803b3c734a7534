//! `DELETE /clients/<client-id>` on the admin port: removes what all nodes know of one client.
//!
//! Only somebody who has the token may do that. The token comes in a header, which no web page can have a browser send
//! to another site without being asked first; and this port never allows it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::{self, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::delete;
use subtle::ConstantTimeEq;
use tracing::info;

use super::shared::{Shared, lock};
use crate::message::ClientId;
use crate::node::RemovalError;
use crate::printable;
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
    fn is_in(&self, headers: &HeaderMap) -> bool {
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

/// The one route that changes something.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/clients/{client}", delete(remove))
}

async fn remove(
    State(shared): State<Arc<Shared>>,
    extract::Path(client): extract::Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(token) = &shared.admin_token else {
        let how = "removing clients is off: start this node with --admin-token-file\n";
        return (StatusCode::FORBIDDEN, how).into_response();
    };
    if !token.is_in(&headers) {
        let how = "expected the header `Authorization: Bearer TOKEN` with this node's admin token\n";
        return (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], how).into_response();
    }
    let removed = match ClientId::parse(client.as_bytes()) {
        Some(id) => remove_and_wake(&shared, id),
        None => Err(RemovalError::Unknown),
    };
    match removed {
        Ok((removals, sequence)) => {
            info!(client = %printable::line(client.as_bytes()), removals, "client removed");
            if shared.settles(sequence).await {
                "removed\n".into_response()
            } else {
                let told = "removed, but the disk fails: this node may not remember it after a restart\n";
                (StatusCode::SERVICE_UNAVAILABLE, told).into_response()
            }
        }
        Err(error) => {
            let status = match error {
                RemovalError::Unknown => StatusCode::NOT_FOUND,
                RemovalError::TooMany => StatusCode::INSUFFICIENT_STORAGE,
            };
            (status, format!("{error}\n")).into_response()
        }
    }
}

/// Removes a client, and wakes the journal and the links. Returns how often the client has been removed now, and the
/// sequence of the removal.
fn remove_and_wake(shared: &Shared, client: ClientId<'_>) -> Result<(u32, u64), RemovalError> {
    let mut store = lock(shared);
    let removals = store.node.remove(client)?;
    let sequence = store.node.table().head();
    let settled = store.settled();
    drop(store);
    shared.note_growth(settled);
    Ok((removals, sequence))
}
