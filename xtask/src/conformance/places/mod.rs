//! A stub of Google's Places service for guests. It answers over TLS and in plain HTTP as Google
//! does: with its spacing, its headers and in chunks. It understands the legacy Nearby Search and
//! the Places API (New), and remembers who asked for what.

mod answer;
mod asked;
mod authority;
mod bodies;
mod listen;
mod response;
#[cfg(test)]
mod tests;

use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use asked::{Api, Asked};
pub use authority::Authority;
pub use bodies::body;

/// How many requests the service remembers. Later ones are answered and not remembered.
const MOST_REMEMBERED: usize = 10_000;

/// A Places service on its own thread. It stops when it is dropped.
#[derive(Debug)]
pub struct PlacesService {
    shared: Arc<Shared>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// How the service answers requests that are right. Requests that Google would refuse are refused
/// as Google does, but only by the behaviour `Answer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Answer with places.
    Answer {
        /// The number of results, at most 20.
        results: usize,
        /// The delay before the answer is sent.
        delay: Duration,
        /// Whether the JSON contains runs of newlines and ends with some.
        blank_lines: bool,
    },
    /// Refuse the key: HTTP 200 and `REQUEST_DENIED`, or HTTP 403 of the New API.
    Denied,
    /// Fail with this HTTP status and a page of HTML.
    Status(u16),
    /// Answer with HTTP 200 and a page of HTML in place of JSON.
    NotJson,
    /// Read the request and close the connection.
    Hangup,
    /// Read the request and keep silent. Connections are closed at the next call of
    /// [`PlacesService::answer_with`].
    Never,
}

impl Default for Behaviour {
    fn default() -> Behaviour {
        Behaviour::Answer { results: 20, delay: Duration::ZERO, blank_lines: false }
    }
}

/// What the service's thread and its owner share.
#[derive(Debug)]
struct Shared {
    key: String,
    behaviour: watch::Sender<Behaviour>,
    asked: Mutex<Vec<Asked>>,
}

impl PlacesService {
    /// Creates the certificate authority of a run.
    ///
    /// # Errors
    /// The keys cannot be generated.
    pub fn authority() -> Result<Authority> {
        Authority::new()
    }

    /// Starts a service on two listeners, one for TLS and one for plain HTTP. Its certificate is
    /// for `names`, which are host names or IP addresses.
    ///
    /// # Errors
    /// A name cannot be in a certificate, or the thread or its runtime cannot be started.
    pub fn start(
        authority: &Authority,
        tls: TcpListener,
        plain: TcpListener,
        names: &[String],
    ) -> Result<PlacesService> {
        let config = authority.server_config(names)?;
        let shared = Arc::new(Shared {
            key: random_key(),
            behaviour: watch::Sender::new(Behaviour::default()),
            asked: Mutex::default(),
        });
        let stop = CancellationToken::new();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime of the Places service")?;
        let listeners = {
            let _context = runtime.enter();
            listen::Listeners::new(tls, plain, config).context("cannot listen as the Places service")?
        };
        let serve = listeners.serve(Arc::clone(&shared));
        let stopped = stop.clone();
        let thread = thread::Builder::new()
            .name("places".to_owned())
            .spawn(move || {
                runtime.block_on(stopped.run_until_cancelled(serve));
            })
            .context("cannot start the thread of the Places service")?;
        Ok(PlacesService { shared, stop, thread: Some(thread) })
    }

    /// Changes how requests are answered from now on.
    pub fn answer_with(&self, behaviour: Behaviour) {
        self.shared.behaviour.send_replace(behaviour);
    }

    /// Returns the requests since the start or the last call of [`PlacesService::forget`], in the
    /// order in which they arrived: at most 10,000.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked().clone()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        self.shared.asked().clear();
    }

    /// Returns the key that requests must have. It looks like Google's, is different in each run,
    /// and is not valid anywhere else.
    pub fn key(&self) -> &str {
        &self.shared.key
    }
}

impl Drop for PlacesService {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // A panic in the thread was already reported by its hook.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn asked(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, asked: Asked) {
        let mut all = self.asked();
        if all.len() < MOST_REMEMBERED {
            all.push(asked);
        }
    }
}

/// Returns a key shaped like Google's: "AIza" and 35 letters, digits, `-` or `_`.
fn random_key() -> String {
    const CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let random = (0..35).map(|_| char::from(CHARACTERS[fastrand::usize(..CHARACTERS.len())]));
    "AIza".chars().chain(random).collect()
}
