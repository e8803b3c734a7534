//! The stream of events to one reader.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse, Sse};
use futures_util::stream::unfold;
use serde_json::json;
use tokio::sync::watch;

use super::publisher::MOST_UPDATES;
use super::ring::Found;
use crate::server::shared::{Shared, lock};

/// The interval of comments while nothing happens, by which a reader knows that the node lives.
const COMMENT: Duration = Duration::from_secs(2);

/// Answers with the stream of events, after the one that the request names in `Last-Event-ID`.
pub(in crate::server) async fn stream(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> impl IntoResponse {
    let last_read = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.trim().parse().ok());
    let events = unfold(Reader::begin(shared, last_read), |mut reader| async {
        let event = reader.next().await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(COMMENT))
}

/// One reader. The kernel's and the HTTP library's buffers are all that waits for it: the next
/// event is looked up when there is room for it.
struct Reader {
    shared: Arc<Shared>,
    /// The id of the last event read.
    cursor: u64,
    is_greeted: bool,
    last: watch::Receiver<u64>,
}

impl Reader {
    fn begin(shared: Arc<Shared>, last_read: Option<u64>) -> Reader {
        shared.events.readers.send_modify(|readers| *readers += 1);
        lock(&shared).node.begin_samples(MOST_UPDATES);
        let ring = shared.events.ring();
        let cursor = last_read.map_or(ring.last(), |id| ring.resume(id));
        drop(ring);
        let last = shared.events.last.subscribe();
        Reader { shared, cursor, is_greeted: false, last }
    }

    /// The next event; `None` when the node stops.
    async fn next(&mut self) -> Option<Event> {
        if !std::mem::replace(&mut self.is_greeted, true) {
            let name = lock(&self.shared).node.name().to_owned();
            return Some(self.event("hello", &json!({ "name": name }).to_string()));
        }
        let shared = Arc::clone(&self.shared);
        loop {
            let found = shared.events.ring().after(self.cursor);
            match found {
                Found::Event(entry) => {
                    self.cursor = entry.id;
                    return Some(self.event(entry.kind, &entry.data));
                }
                Found::Missed(events, last) => {
                    self.cursor = last;
                    return Some(self.event("missed", &json!({ "events": events }).to_string()));
                }
                Found::Nothing => {}
            }
            let cursor = self.cursor;
            // The sender lives as long as the node.
            shared.stop.run_until_cancelled(self.last.wait_for(|last| *last > cursor)).await?.ok()?;
        }
    }

    /// An event with the cursor as its id, after which the reader can resume.
    fn event(&self, kind: &str, data: &str) -> Event {
        Event::default().id(self.cursor.to_string()).event(kind).data(data)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.events.readers.send_modify(|readers| *readers -= 1);
    }
}
