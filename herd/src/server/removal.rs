//! `DELETE /clients/<client-id>` on the admin port: removes what all nodes know of one client.
//!
//! Only somebody who has the token may do that. The token comes in a header, which no web page can have a browser send
//! to another site without being asked first; and this port never allows it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{self, State};
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::delete;
use tracing::info;

use super::shared::{Shared, lock};
use crate::message::ClientId;
use crate::node::RemovalError;
use crate::printable;

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
