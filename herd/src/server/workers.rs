//! The threads that serve clients.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::turns::Turns;
use crate::net::{MovedStream, Tcp};

/// Single-threaded runtimes among which connections are dealt in turn. They do not steal work, so a
/// connection's buffers stay in the cache of one core. Dropping this ends the threads and drops
/// their connections.
#[derive(Debug)]
pub(super) struct Workers {
    /// The threads; empty if the caller's runtime serves everything.
    handles: Vec<(Handle, Arc<Turns>)>,
    /// The turns on the caller's runtime.
    own_turns: Arc<Turns>,
    next: AtomicUsize,
    _end: DropGuard,
}

impl Workers {
    /// Starts `threads` worker threads. With 1, the caller's runtime serves and no thread is
    /// started.
    ///
    /// # Errors
    /// The system cannot start a thread. Threads already started exit.
    pub(super) fn start(threads: usize) -> io::Result<Workers> {
        let end = CancellationToken::new();
        let mut workers = Workers {
            handles: Vec::new(),
            own_turns: Arc::new(Turns::new()),
            next: AtomicUsize::new(0),
            _end: end.clone().drop_guard(),
        };
        for number in 0..if threads > 1 { threads } else { 0 } {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            workers.handles.push((runtime.handle().clone(), Arc::new(Turns::new())));
            let end = end.clone();
            let thread = thread::Builder::new().name(format!("clients-{number}"));
            thread.spawn(move || runtime.block_on(end.cancelled_owned()))?;
        }
        Ok(workers)
    }

    /// Waits until each thread has run a new task.
    pub(super) async fn beat(&self) {
        for (thread, _) in &self.handles {
            // The task fails to run only if the node ends.
            let _ = thread.spawn(async {}).await;
        }
    }

    /// Serves a connection on the next thread.
    pub(super) fn spawn<F: Future<Output = ()> + Send + 'static>(
        &self,
        tracker: &TaskTracker,
        stream: Tcp,
        serve: impl FnOnce(Tcp, Arc<Turns>) -> F + Send + 'static,
    ) {
        if self.handles.is_empty() {
            tracker.spawn(serve(stream, Arc::clone(&self.own_turns)));
            return;
        }
        let next = self.next.fetch_add(1, Ordering::Relaxed) % self.handles.len();
        // A connection that cannot be moved to another runtime is lost already.
        let Ok(moved) = MovedStream::from(stream) else { return };
        let (handle, turns) = &self.handles[next];
        let turns = Arc::clone(turns);
        tracker.spawn_on(
            async move {
                if let Ok(stream) = moved.arrive() {
                    serve(stream, turns).await;
                }
            },
            handle,
        );
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// Long enough for a working thread to run a task; a thread that hangs never does.
    const A_WHILE: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn a_thread_that_hangs_has_no_pulse() {
        let workers = Workers::start(2).unwrap();
        workers.beat().await;
        let (release, hang) = mpsc::channel::<()>();
        workers.handles[1].0.spawn(async move { hang.recv() });
        assert!(timeout(A_WHILE, workers.beat()).await.is_err());
        drop(release);
        workers.beat().await;
    }
}
