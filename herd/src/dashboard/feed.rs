//! What browsers receive as it happens.

use std::convert::Infallible;
use std::sync::Arc;

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{Stream, unfold};
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender};

/// How many events a slow browser may be behind. A herd of five nodes sends a hundred in a second.
const ROOM: usize = 2048;

/// The events of all browsers.
#[derive(Clone, Debug)]
pub(super) struct Feed(Sender<Item>);

/// An event: its name, and its data as JSON.
#[derive(Clone, Debug)]
struct Item {
    name: &'static str,
    data: Arc<str>,
}

impl Item {
    fn new(name: &'static str, data: &impl Serialize) -> Item {
        // Plain data always becomes JSON.
        Item { name, data: serde_json::to_string(data).unwrap_or_default().into() }
    }

    fn event(&self) -> Event {
        Event::default().event(self.name).data(&*self.data)
    }
}

impl Feed {
    pub(super) fn new() -> Feed {
        Feed(broadcast::channel(ROOM).0)
    }

    /// Sends an event to every browser.
    pub(super) fn send(&self, name: &'static str, data: &impl Serialize) {
        // Without a browser, nobody receives it.
        if self.0.receiver_count() > 0 {
            let _ = self.0.send(Item::new(name, data));
        }
    }

    /// The stream of one browser, which begins with the event `name`. A browser that reads too
    /// slowly loses the oldest events, and learns how many.
    pub(super) fn stream<T: Serialize + 'static>(
        &self,
        name: &'static str,
        data: &T,
    ) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<T>> {
        let first = Some(Item::new(name, data));
        let stream = unfold((first, self.0.subscribe()), async |(first, mut items)| match first {
            Some(item) => Some((Ok(item.event()), (None, items))),
            None => next(&mut items).await.map(|item| (Ok(item.event()), (None, items))),
        });
        Sse::new(stream).keep_alive(KeepAlive::default())
    }
}

async fn next(items: &mut Receiver<Item>) -> Option<Item> {
    match items.recv().await {
        Ok(item) => Some(item),
        Err(RecvError::Lagged(events)) => Some(Item::new("missed", &serde_json::json!({ "events": events }))),
        Err(RecvError::Closed) => None,
    }
}
