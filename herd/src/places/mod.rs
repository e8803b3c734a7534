//! Asking for what is near a location.
//!
//! [`Places`] is what a node asks. Behind it stands one [`Provider`], each in a file of its own. Whatever
//! happens, the answer is a JSON object in the shape of Google's Nearby Search, at most as many results as
//! were asked for, without a line end at its end; failures are such an object too.

mod body;
mod google_legacy;
mod key;

pub use body::{Unusable, cut, error_object, usable};
pub use google_legacy::GoogleLegacy;
pub use key::Key;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::node::{Limits, PlacesQuery};

/// Who is asked for places.
#[derive(Debug)]
pub enum Provider {
    /// Nobody: every question is answered by how to configure somebody.
    Nobody,
    /// Google's legacy Nearby Search, passed through byte for byte.
    GoogleLegacy(GoogleLegacy),
}

/// Asks a provider, and bounds how many do so at once and for how long.
#[derive(Debug)]
pub struct Places {
    provider: Provider,
    upstream: Semaphore,
    waiting: AtomicUsize,
    most_waiting: usize,
    total: Duration,
}

/// Why there is no answer from upstream. The text is for the client: it holds neither a key nor a URL.
#[derive(Debug, thiserror::Error)]
pub enum PlacesError {
    /// No provider is configured.
    #[error(
        "no places provider is configured at this node: start it with --places google-legacy and a key in HERD_PLACES_KEY"
    )]
    Nobody,
    /// Too many questions are waiting already.
    #[error("too many questions for places are waiting at this node: ask again later")]
    Busy,
    /// No answer in time.
    #[error("no answer from the places service within {0:?}")]
    Timeout(Duration),
    /// The service could not be reached, or the connection broke.
    #[error("the places service could not be asked: {0}")]
    Transport(&'static str),
    /// Another HTTP status than 200.
    #[error("the places service answered HTTP {0}")]
    Status(u16),
    /// A body that is no Nearby Search answer.
    #[error("the places service's answer cannot be used: {0}")]
    Unusable(#[from] Unusable),
    /// This node is stopping and could not wait for the answer.
    #[error("this node is stopping")]
    Stopping,
}

impl Places {
    /// Asks `provider` within `limits`.
    pub fn new(provider: Provider, limits: &Limits) -> Places {
        Places {
            provider,
            upstream: Semaphore::new(limits.whatsat_upstream),
            waiting: AtomicUsize::new(0),
            most_waiting: limits.whatsat_waiting,
            total: limits.places_total,
        }
    }

    /// The JSON to answer `query` with: the provider's, or an error object that says what failed.
    pub async fn answer(&self, query: &PlacesQuery) -> Vec<u8> {
        let asked = timeout(self.total, self.ask(query)).await;
        let answer = asked.unwrap_or(Err(PlacesError::Timeout(self.total)));
        answer.unwrap_or_else(|error| {
            tracing::warn!(%error, "no places");
            error_object(&error.to_string())
        })
    }

    async fn ask(&self, query: &PlacesQuery) -> Result<Vec<u8>, PlacesError> {
        let Provider::GoogleLegacy(google) = &self.provider else { return Err(PlacesError::Nobody) };
        let _turn = match self.upstream.try_acquire() {
            Ok(turn) => turn,
            Err(_) => self.wait_for_turn().await?,
        };
        google.ask(query).await
    }

    async fn wait_for_turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, PlacesError> {
        let _place = Waiting::join(&self.waiting, self.most_waiting).ok_or(PlacesError::Busy)?;
        self.upstream.acquire().await.map_err(|_| PlacesError::Stopping)
    }
}

/// A place among those who wait, given back when dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn join(waiting: &'a AtomicUsize, most: usize) -> Option<Waiting<'a>> {
        let place = Waiting(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
