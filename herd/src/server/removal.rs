//! `DELETE /clients/<client-id>` on the admin port: removes the record of one client from all
//! nodes.
//!
//! The request needs the admin token, in a header. A browser sends such a header to another site
//! only if that site allows it first, and this port never does.

use std::sync::Arc;

use axum::Router;
use axum::extract::{self, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::delete;
use tracing::info;

use super::shared::{Shared, lock};
use crate::message::ClientId;
use crate::node::RemovalError;
use crate::printable;

/// The only route that changes the node's records.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/clients/{client}", delete(remove))
}

async fn remove(
    State(shared): State<Arc<Shared>>,
    extract::Path(client): extract::Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = shared.refusal(&headers, "the removal of clients") {
        return refusal;
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
                let told =
                    "removed, but the disk fails: this node may have the client again after a restart\n";
                (StatusCode::SERVICE_UNAVAILABLE, told).into_response()
            }
        }
        Err(error) => {
            let status = match error {
                RemovalError::Unknown => StatusCode::NOT_FOUND,
                RemovalError::Elsewhere(_) => StatusCode::MISDIRECTED_REQUEST,
                RemovalError::TooMany => StatusCode::INSUFFICIENT_STORAGE,
            };
            (status, format!("{error}\n")).into_response()
        }
    }
}

/// Removes a client, and wakes the journal and the links. Returns the number of removals of this
/// client so far, and the sequence of this one.
fn remove_and_wake(shared: &Arc<Shared>, client: ClientId<'_>) -> Result<(u32, u64), RemovalError> {
    let mut store = lock(shared);
    let removals = store.node.remove(client)?;
    let sequence = store.node.table().head();
    let settled = store.settled();
    drop(store);
    shared.note_growth(settled, sequence);
    Ok((removals, sequence))
}
