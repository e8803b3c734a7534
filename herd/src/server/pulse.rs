//! The liveness of a node.

use std::sync::Arc;

use super::Server;
use super::shared::{Shared, lock};

/// Checks that a node still serves.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<Shared>);

impl Pulse {
    /// Waits until each serving thread has run a task and the table could be locked. Does not
    /// return while a thread hangs; a disk that hangs does not matter.
    pub async fn beat(&self) {
        self.0.workers.beat().await;
        drop(lock(&self.0));
    }
}

impl Server {
    /// The pulse of this node, usable while the node runs.
    pub fn pulse(&self) -> Pulse {
        Pulse(Arc::clone(&self.shared))
    }
}
