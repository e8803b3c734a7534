//! What the tasks of a dashboard share.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use reqwest::Client;
use tokio::sync::{Notify, Semaphore};
use tokio::task::spawn_blocking;

use super::feed::Feed;
use super::harness::Harness;
use super::history::{History, Notice};
use super::picture::Picture;
use super::token::Token;
use super::watched_herd::WatchedHerd;

/// The most searches for clients at a time. A node has 16 connections for all its operators.
const SEARCHES: usize = 4;

/// What the tasks of a dashboard share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) herd: WatchedHerd,
    pub(super) harness: Option<Arc<dyn Harness>>,
    /// The token with which a request may act; `None` if none may.
    pub(super) token: Option<Token>,
    /// The port that the dashboard listens on.
    pub(super) port: u16,
    /// The client for admin ports.
    pub(super) http: Client,
    pub(super) feed: Feed,
    pub(super) started: Instant,
    /// The turn to ask the harness for its state.
    pub(super) harness_turn: Arc<Semaphore>,
    /// Bounds the searches for clients, which take long, so that they leave room on admin ports.
    pub(super) searches: Semaphore,
    /// Asks for a new picture at once.
    pub(super) look_now: Notify,
    pub(super) history: Mutex<History>,
}

impl Shared {
    pub(super) fn new(
        herd: WatchedHerd,
        harness: Option<Arc<dyn Harness>>,
        token: Option<Token>,
        port: u16,
        http: Client,
    ) -> Shared {
        Shared {
            herd,
            harness,
            token,
            port,
            http,
            feed: Feed::new(),
            started: Instant::now(),
            harness_turn: Arc::new(Semaphore::new(1)),
            searches: Semaphore::new(SEARCHES),
            look_now: Notify::new(),
            history: Mutex::default(),
        }
    }

    /// Keeps the figures of a picture, and shows it to browsers.
    pub(super) fn publish(&self, picture: Picture) {
        self.history.lock().unwrap_or_else(PoisonError::into_inner).add_picture(&picture);
        self.feed.show(picture);
    }

    /// Keeps a notice, and sends it to browsers.
    pub(super) fn notice(&self, notice: Notice) {
        self.feed.send("notice", &notice);
        self.history.lock().unwrap_or_else(PoisonError::into_inner).add_notice(notice);
    }
}

/// Makes a call of the harness on a thread that may block.
///
/// # Errors
/// Those of the call.
pub(super) async fn on_harness<T: Send + 'static>(
    harness: &Arc<dyn Harness>,
    call: impl FnOnce(&dyn Harness) -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let harness = Arc::clone(harness);
    let done = spawn_blocking(move || call(&*harness)).await;
    done.unwrap_or_else(|_| Err("the harness failed; its log has the reason".to_owned()))
}

/// The wall clock, in milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
