//! How much the connection of a client may hold.

use std::io;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::net::Stream;
use crate::node::Limits;

/// Larger buffers for a bounded number of busy clients.
///
/// Small buffers bound what a thousand clients that do not read can make this node and its kernel
/// hold. They also make a client that keeps a hundred commands in flight wait for room more often
/// than for answers. So the first clients that send faster than their buffer holds, and read their
/// answers, get larger ones for as long as they are connected.
#[derive(Debug)]
pub(super) struct LargeBuffers(Arc<Semaphore>);

impl LargeBuffers {
    /// For at most `clients` at once.
    pub(super) fn new(clients: usize) -> LargeBuffers {
        LargeBuffers(Arc::new(Semaphore::new(clients.min(Semaphore::MAX_PERMITS))))
    }
}

/// The buffers of one client: small at first.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    large: Option<OwnedSemaphorePermit>,
}

impl Buffers {
    /// Notes that a read from the client brought `length` bytes while no answer was owed to it, and
    /// returns whether its buffers have become large by that.
    ///
    /// # Errors
    /// The connection is gone.
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

    /// Bytes of answers that the node itself holds for the client before it stops reading from it.
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
