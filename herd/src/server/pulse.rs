//! Whether a node works at all.

use std::sync::Arc;

use super::Server;
use super::shared::{Shared, lock};

/// Shows that a node still serves.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<Shared>);

impl Pulse {
    /// Waits until each thread that serves has done something, and the table could be used. A thread
    /// that hangs keeps this from returning. A disk that hangs does not.
    pub async fn beat(&self) {
        self.0.workers.beat().await;
        drop(lock(&self.0));
    }
}

impl Server {
    /// The pulse of this node, also while it runs.
    pub fn pulse(&self) -> Pulse {
        Pulse(Arc::clone(&self.shared))
    }
}
