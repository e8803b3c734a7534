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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::config::Member;
    use crate::node::{Limits, Lives, Node};
    use crate::places::{Places, Provider};
    use crate::server::Store;
    use crate::tls::Encryption;

    /// For this long nothing must come.
    const NOTHING: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn a_table_that_cannot_be_used_keeps_the_pulse_from_beating() {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let name = "Alford".to_owned();
        let member = Member {
            name,
            client: any,
            link: any,
            advertise: None,
            admin: None,
            metrics: None,
            neighbours: vec![],
            holds: None,
        };
        let limits = Limits::default();
        let places = Places::new(Provider::Nobody, &limits);
        let lives = Lives { epoch: 1, incarnation: 1, hash_seed: 0 };
        let store = Store::in_memory(Node::new("Alford", &[], limits, lives));
        let encryption = Arc::new(Encryption::default());
        let server = Server::bind(&member, None, 1, store, places, encryption, Default::default());
        let server = server.await.unwrap();
        let pulse = server.pulse();
        let (beaten, beats) = mpsc::channel();
        let used = lock(&server.shared);
        let beating = thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(pulse.beat());
            beaten.send(()).unwrap();
        });
        assert!(beats.recv_timeout(NOTHING).is_err());
        drop(used);
        beating.join().unwrap();
        assert!(beats.try_recv().is_ok());
    }
}
