//! The answers that a client is owed, in the order asked.

use std::collections::VecDeque;
use std::future::Future;

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::store::Settled;

/// Answers in order: what can be sent, then those that still wait for the Places service or for the disk, each followed
/// by the answers to the lines behind it.
#[derive(Debug, Default)]
pub(super) struct Answers {
    sendable: Vec<u8>,
    sent: usize,
    waiting: VecDeque<Waiting>,
    /// How many of them wait for the Places service.
    fetching: usize,
}

#[derive(Debug)]
pub(super) struct Waiting {
    until: Until,
    behind: Vec<u8>,
}

/// What is waited for.
#[derive(Debug)]
enum Until {
    /// An answer of the Places service, which comes first.
    Fetched(AbortOnDropHandle<Vec<u8>>),
    /// The disk has everything up to a sequence.
    Settled(u64, watch::Receiver<Settled>),
}

/// The disk fails, and nothing is answered meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused;

/// The answers that wait, to wait for them.
pub(super) struct Fetching<'a>(&'a mut VecDeque<Waiting>);

impl Fetching<'_> {
    /// Waits for the first of them, for ever when there is none. Dropping the future loses nothing.
    pub(super) async fn first(self) -> Result<Vec<u8>, Refused> {
        match self.0.front_mut().map(|first| &mut first.until) {
            // A task that panicked has said so in the log; its client gets an empty answer and goes on.
            Some(Until::Fetched(places)) => Ok(places.await.unwrap_or_default()),
            Some(Until::Settled(sequence, settled)) => {
                let is_over = |now: &Settled| now.refuses || now.upto >= *sequence;
                // The sender lives as long as the node.
                let refuses = settled.wait_for(is_over).await.is_ok_and(|now| now.refuses);
                if refuses { Err(Refused) } else { Ok(Vec::new()) }
            }
            None => std::future::pending().await,
        }
    }
}

/// Bytes sent that may stay in the sending buffer, and the size to which an empty one is shrunk.
const KEPT: usize = 64 * 1024;

/// With so many waits, answers wait together instead of one batch after the other.
const WAITS: usize = 16;

impl Answers {
    /// Where the next answer is appended to.
    pub(super) fn next(&mut self) -> &mut Vec<u8> {
        match self.waiting.back_mut() {
            Some(waiting) => &mut waiting.behind,
            None => &mut self.sendable,
        }
    }

    /// Adds an answer that is being fetched. Nobody waits for it any more when the client goes away.
    pub(super) fn fetch(&mut self, answer: impl Future<Output = Vec<u8>> + Send + 'static) {
        let places = AbortOnDropHandle::new(tokio::spawn(answer));
        self.waiting.push_back(Waiting { until: Until::Fetched(places), behind: Vec::new() });
        self.fetching += 1;
    }

    /// Has the bytes of the [next](Self::next) answer from `start` on, and everything after them, wait until the disk has
    /// `sequence`. Answers of one `batch` wait together.
    pub(super) fn hold(
        &mut self,
        start: usize,
        sequence: u64,
        batch: &mut bool,
        settled: &watch::Sender<Settled>,
    ) {
        let is_many = self.waiting.len() >= WAITS;
        if let Some(Waiting { until: Until::Settled(held, _), .. }) = self.waiting.back_mut()
            && (*batch || is_many)
        {
            *held = sequence.max(*held);
            return;
        }
        *batch = true;
        let behind = self.next().split_off(start);
        self.waiting.push_back(Waiting { until: Until::Settled(sequence, settled.subscribe()), behind });
    }

    /// Answers being fetched.
    pub(super) fn fetching(&self) -> usize {
        self.fetching
    }

    /// Whether there are answers that wait.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What can be sent now, and what is being fetched.
    pub(super) fn parts(&mut self) -> (&[u8], Fetching<'_>) {
        (&self.sendable[self.sent..], Fetching(&mut self.waiting))
    }

    /// Makes sendable the first answer that was waiting, and those behind it.
    pub(super) fn fetched(&mut self, answer: &[u8]) {
        if let Some(first) = self.waiting.pop_front() {
            self.fetching -= usize::from(matches!(first.until, Until::Fetched(_)));
            self.sendable.extend_from_slice(answer);
            self.sendable.extend_from_slice(&first.behind);
        }
    }

    /// What can be sent now.
    pub(super) fn sendable(&self) -> &[u8] {
        &self.sendable[self.sent..]
    }

    /// Notes that so many bytes of it have been sent.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent += bytes;
        if self.sent == self.sendable.len() {
            self.sent = 0;
            self.sendable.clear();
            self.sendable.shrink_to(KEPT);
        } else if self.sent >= KEPT.max(self.sendable.len() / 2) {
            // A client that reads steadily and is always owed something must not make the buffer grow. What
            // stays is less than what goes, so the moving costs no more than the sending did.
            self.sendable.drain(..std::mem::take(&mut self.sent));
        }
    }

    /// Bytes held for the client.
    pub(super) fn held(&self) -> usize {
        self.sendable().len() + self.waiting.iter().map(|waiting| waiting.behind.len()).sum::<usize>()
    }

    /// Whether nothing is owed.
    pub(super) fn is_empty(&self) -> bool {
        self.sendable().is_empty() && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_is_always_owed_something_does_not_make_the_buffer_grow() {
        let mut answers = Answers::default();
        answers.next().extend_from_slice(b"first");
        for number in 0..100_000 {
            let answer = format!("answer {number:6}\n");
            answers.next().extend_from_slice(answer.as_bytes());
            answers.sent(answer.len());
        }
        assert_eq!(answers.sendable(), b"9999\n");
        assert!(answers.sendable.capacity() <= 4 * KEPT, "{} bytes", answers.sendable.capacity());
    }
}
