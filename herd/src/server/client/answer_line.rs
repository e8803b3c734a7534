//! Answers one line of a client.

use std::net::SocketAddr;
use std::sync::Arc;

use tracing::{Level, debug, enabled};

use crate::message::Time;
use crate::node::{Answer, INVALID, Node, PlacesQuery, places_answer};
use crate::places::{PlacesError, error_object};
use crate::server::answers::Answers;
use crate::server::shared::Shared;

/// Answers one line, or starts a request for its places. Returns whether the line was a valid
/// command.
pub(super) fn answer_line(
    node: &mut Node,
    shared: &Arc<Shared>,
    answers: &mut Answers,
    peer: SocketAddr,
    line: &[u8],
    received: Time,
    (settled, held): (u64, &mut bool),
) -> bool {
    let logged = enabled!(Level::DEBUG);
    if logged {
        debug!(%peer, line = %line.escape_ascii(), "received");
    }
    let out = answers.next();
    let start = out.len();
    let (answer, sequence) = node.answer(line, received, out);
    let is_valid = !out[start..].starts_with(INVALID);
    if logged && answer == Answer::Written {
        debug!(%peer, line = %out[start..].trim_ascii_end().escape_ascii(), "answered");
    }
    if sequence > settled {
        answers.hold(start, sequence, held, &shared.settled);
    }
    if let Answer::Places { at, query } = answer {
        answers.fetch(fetch_places(Arc::clone(shared), peer, at, query));
    }
    is_valid
}

/// The whole answer to a WHATSAT that needs the Places service.
async fn fetch_places(shared: Arc<Shared>, peer: SocketAddr, at: Box<[u8]>, query: PlacesQuery) -> Vec<u8> {
    let json = tokio::select! {
        biased;
        () = shared.stop_places.cancelled() => error_object(&PlacesError::Stopping.to_string()),
        json = shared.places.answer(&query, peer.ip()) => json,
    };
    shared.note_places(json.len());
    debug!(%peer, line = %at.escape_ascii(), places_bytes = json.len(), "answered");
    let mut answer = Vec::new();
    places_answer(&mut answer, &at, &json);
    answer
}
