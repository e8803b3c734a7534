//! The dashboard: a live page of a herd, for people who run it, learn from it, or show it.
//!
//! A dashboard is a small web server on this machine. It watches the admin ports of the nodes,
//! passes what they say to browsers, and remembers ten minutes. Anyone who can reach it may look.
//! Only the address that it prints at its start carries the token with which a page may act: talk
//! to nodes and, if a [`Harness`] runs the herd, break them and play lessons.

mod actions;
mod admin_port;
mod assets;
mod durations;
mod event_lines;
mod feed;
mod harness;
mod history;
mod picture;
mod routes;
mod say;
mod shared;
mod token;
mod watched_herd;
mod watcher;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

pub use harness::{
    Abilities, Harness, HarnessAction, HarnessState, Lesson, LessonProgress, LessonState, LessonStep, Life,
};
pub use watched_herd::{WatchedHerd, WatchedNode};

use crate::net::{self, Listener, Tcp, plain_http_client, serve_http};
use crate::node::Limits;
use crate::server::{Seats, WhenFull};
use shared::Shared;
use token::Token;

/// The address that a dashboard listens on unless another is given.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:12690";

/// The most connections at a time. A browser opens up to six.
const CONNECTIONS: usize = 64;

/// The pause after a failed accept. Without it, a process without free file descriptors would spin.
const AFTER_FAILURE: Duration = Duration::from_millis(25);

/// A dashboard that listens and does not serve yet.
#[derive(Debug)]
pub struct Dashboard {
    shared: Arc<Shared>,
    listener: Listener,
    address: SocketAddr,
}

/// What a dashboard watches, and who may act.
#[derive(Debug)]
pub struct Settings {
    /// The herd.
    pub herd: WatchedHerd,
    /// The address to listen on, which must be on loopback.
    pub listen: SocketAddr,
    /// Whether a page with the token may act.
    pub allow_actions: bool,
    /// The harness that runs the herd, if there is one.
    pub harness: Option<Arc<dyn Harness>>,
}

/// The error of a dashboard that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum DashboardError {
    /// Other machines could reach the dashboard.
    #[error("the dashboard's address {0} is not on loopback: use an address such as {DEFAULT_ADDRESS}")]
    NotLoopback(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen for browsers on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// No node has an admin port.
    #[error(
        "the herd {0} cannot be watched: give its nodes an admin port, such as `admin = \"127.0.0.1:12680\"`"
    )]
    NoAdminPorts(String),
    /// The system does not provide random numbers.
    #[error("cannot make a token: {0}")]
    Random(String),
}

impl Dashboard {
    /// Listens for browsers.
    ///
    /// # Errors
    /// The address is not on loopback or in use, no node can be watched, or the system has no
    /// random numbers.
    pub async fn bind(settings: Settings) -> Result<Dashboard, DashboardError> {
        let Settings { herd, listen, allow_actions, harness } = settings;
        if !net::is_this_machine(listen) {
            return Err(DashboardError::NotLoopback(listen));
        }
        if herd.nodes.iter().all(|node| node.admin.is_none()) {
            return Err(DashboardError::NoAdminPorts(herd.name));
        }
        let failed = |error| DashboardError::Listen(listen, error);
        let listener = net::listen(listen, None).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let random = |error: getrandom::Error| DashboardError::Random(error.to_string());
        let token = allow_actions.then(Token::random).transpose().map_err(random)?;
        let http = plain_http_client().map_err(DashboardError::Random)?;
        let shared = Arc::new(Shared::new(herd, harness, token, address.port(), http));
        Ok(Dashboard { shared, listener, address })
    }

    /// The address for a browser, with the token if a page may act.
    pub fn url(&self) -> String {
        let address = self.address;
        match &self.shared.token {
            Some(token) => format!("http://{address}/?token={}", token.secret()),
            None => format!("http://{address}/"),
        }
    }

    /// Serves browsers, for as long as the returned future is polled.
    pub async fn serve(self) {
        tokio::join!(watcher::watch(Arc::clone(&self.shared)), accept(self.shared, self.listener));
    }
}

/// Accepts and serves connections of browsers.
async fn accept(shared: Arc<Shared>, listener: Listener) {
    let app = routes::router(shared);
    let seats = Seats::new(CONNECTIONS, WhenFull::ReplaceOldest);
    let patience = Limits::default().admin_patience;
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            sleep(AFTER_FAILURE).await;
            continue;
        };
        let Some((seat, mut lost)) = seats.take(peer.ip()) else { continue };
        let app = app.clone();
        tokio::spawn(async move {
            let _seat = seat;
            tokio::select! {
                () = lost.wait() => {}
                () = serve(stream, app, patience) => {}
            }
        });
    }
}

/// Serves one connection. How it ends does not matter: browsers connect again.
async fn serve(stream: Tcp, app: axum::Router, patience: Duration) {
    if net::prepare(&stream).is_ok() {
        let _ = serve_http(stream, app, patience).await;
    }
}
