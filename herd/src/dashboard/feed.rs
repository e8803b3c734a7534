//! What browsers receive as it happens.

use std::convert::Infallible;
use std::sync::Arc;

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{Stream, unfold};
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use super::picture::Picture;

/// How many events a slow browser may be behind. A herd of five nodes sends a hundred in a second.
const ROOM: usize = 2048;

/// What all browsers receive: the latest picture of the herd, and every event.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    picture: watch::Sender<Arc<Picture>>,
    events: broadcast::Sender<Item>,
}

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
}

impl Feed {
    pub(super) fn new() -> Feed {
        Feed { picture: watch::Sender::new(Arc::default()), events: broadcast::channel(ROOM).0 }
    }

    /// Shows a picture to every browser. Pictures are large, so a slow browser misses all but the
    /// latest.
    pub(super) fn show(&self, picture: Picture) {
        self.picture.send_replace(Arc::new(picture));
    }

    /// The latest picture; it has no nodes before the first.
    pub(super) fn picture(&self) -> Arc<Picture> {
        Arc::clone(&self.picture.borrow())
    }

    /// Sends an event to every browser.
    pub(super) fn send(&self, name: &'static str, data: &impl Serialize) {
        if self.events.receiver_count() > 0 {
            // Fails only if the last browser has just gone.
            let _ = self.events.send(Item::new(name, data));
        }
    }

    /// The stream of one browser, which begins with the latest picture. A browser that reads too
    /// slowly loses the oldest events, and learns how many.
    pub(super) fn stream(&self) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
        let mut pictures = self.picture.subscribe();
        pictures.mark_changed();
        let stream = unfold((pictures, self.events.subscribe()), async |(mut pictures, mut events)| {
            let item = next(&mut pictures, &mut events).await?;
            Some((Ok(Event::default().event(item.name).data(&*item.data)), (pictures, events)))
        });
        Sse::new(stream).keep_alive(KeepAlive::default())
    }
}

async fn next(
    pictures: &mut watch::Receiver<Arc<Picture>>,
    events: &mut broadcast::Receiver<Item>,
) -> Option<Item> {
    tokio::select! {
        biased;
        changed = pictures.changed() => changed.ok().map(|()| Item::new("herd", &**pictures.borrow_and_update())),
        event = events.recv() => match event {
            Ok(item) => Some(item),
            Err(RecvError::Lagged(events)) => {
                Some(Item::new("missed", &serde_json::json!({ "events": events })))
            }
            Err(RecvError::Closed) => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_browser_gets_the_latest_picture_and_learns_how_many_events_it_lost() {
        let feed = Feed::new();
        let (mut pictures, mut events) = (feed.picture.subscribe(), feed.events.subscribe());
        for at_ms in 1..=3 {
            feed.show(Picture { at_ms, ..Picture::default() });
        }
        (0..ROOM + 7).for_each(|number| feed.send("notice", &number));
        let latest = next(&mut pictures, &mut events).await.unwrap();
        assert!(latest.name == "herd" && latest.data.contains("\"at_ms\":3"), "{latest:?}");
        let missed = next(&mut pictures, &mut events).await.unwrap();
        assert_eq!((missed.name, &*missed.data), ("missed", r#"{"events":7}"#));
        let oldest = next(&mut pictures, &mut events).await.unwrap();
        assert_eq!((oldest.name, &*oldest.data), ("notice", "7"));
    }
}
