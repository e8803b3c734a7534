//! The sizes of the buffers of a client's connection.

use std::io;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::net::Stream;
use crate::node::Limits;

/// Larger buffers for a bounded number of busy clients.
///
/// Small buffers limit the memory that a thousand clients that do not read can occupy in this node
/// and its kernel. They also slow down a client that keeps a hundred commands in flight. So the
/// first clients that fill their buffer while they read their answers get larger buffers until they
/// disconnect.
#[derive(Debug)]
pub(super) struct LargeBuffers(Arc<Semaphore>);

impl LargeBuffers {
    /// Larger buffers for at most `clients` clients at a time.
    pub(super) fn new(clients: usize) -> LargeBuffers {
        LargeBuffers(Arc::new(Semaphore::new(clients.min(Semaphore::MAX_PERMITS))))
    }
}

/// The buffers of one client, which start small.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    large: Option<OwnedSemaphorePermit>,
}

impl Buffers {
    /// Records that a read brought `length` bytes while no answer was pending. Returns whether the
    /// buffers have grown because of that.
    ///
    /// # Errors
    /// The connection has been lost.
    pub(super) fn note_read(
        &mut self,
        length: usize,
        stream: &Stream,
        available: &LargeBuffers,
        limits: &Limits,
    ) -> io::Result<bool> {
        let is_burst = 2 * length >= limits.client_receive_buffer as usize;
        if self.large.is_some() || !is_burst {
            return Ok(false);
        }
        let Ok(permit) = Arc::clone(&available.0).try_acquire_owned() else { return Ok(false) };
        stream.set_receive_buffer_size(limits.busy_buffer)?;
        self.large = Some(permit);
        Ok(true)
    }

    /// The bytes of pending answers above which the node stops reading from the client.
    pub(super) fn answers_kept(&self, limits: &Limits) -> usize {
        if self.large.is_some() { limits.busy_buffer as usize } else { limits.answers_kept() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{connect, listen};

    async fn connection() -> Stream {
        let listener = listen("127.0.0.1:0".parse().unwrap(), None).await.unwrap();
        Stream::Plain(connect(listener.local_addr().unwrap()).await.unwrap())
    }

    #[tokio::test]
    async fn a_burst_gets_larger_buffers_as_long_as_there_are_any() {
        let limits = Limits { client_receive_buffer: 1000, busy_buffer: 5000, ..Limits::default() };
        let available = LargeBuffers::new(1);
        let stream = connection().await;
        let (mut first, mut second) = (Buffers::default(), Buffers::default());
        assert!(!first.note_read(499, &stream, &available, &limits).unwrap(), "not a burst");
        assert_eq!(first.answers_kept(&limits), limits.answers_kept());
        assert!(first.note_read(500, &stream, &available, &limits).unwrap());
        assert_eq!(first.answers_kept(&limits), 5000);
        assert!(!second.note_read(1000, &stream, &available, &limits).unwrap(), "the first has them");
        drop(first);
        assert!(second.note_read(1000, &stream, &available, &limits).unwrap());
    }
}
