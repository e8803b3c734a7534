//! The answers that a client is owed, in the order asked.

use std::collections::VecDeque;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::task::Poll;

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
    /// How many of them come, or have come, from the Places service.
    fetching: usize,
}

#[derive(Debug)]
struct Waiting {
    until: Until,
    behind: Vec<u8>,
}

/// What is waited for.
#[derive(Debug)]
enum Until {
    /// An answer of the Places service, which comes first.
    Fetching(AbortOnDropHandle<Vec<u8>>),
    /// It is here, and perhaps behind another one that is not.
    Fetched(Vec<u8>),
    /// The disk has everything up to a sequence.
    Settled(u64, watch::Receiver<Settled>),
    /// It has.
    Over,
}

/// The disk fails, and nothing is answered meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused;

/// The answers that wait, to wait for them.
pub(super) struct Pending<'a>(&'a mut VecDeque<Waiting>);

impl Pending<'_> {
    /// Waits until something has come that an answer waits for; for ever when none does. Dropping the future loses
    /// nothing.
    ///
    /// # Errors
    /// The disk fails, and nothing may be answered.
    pub(super) async fn any(self) -> Result<(), Refused> {
        let waiting = self.0.make_contiguous();
        let Some((first, rest)) = waiting.split_first_mut() else { return pending().await };
        let Until::Settled(sequence, settled) = &mut first.until else {
            any_fetched(waiting).await;
            return Ok(());
        };
        let sequence = *sequence;
        let refuses = tokio::select! {
            biased;
            // The sender lives as long as the node.
            now = settled.wait_for(|now| now.refuses || now.upto >= sequence) => now.is_ok_and(|now| now.refuses),
            () = any_fetched(rest) => return Ok(()),
        };
        first.until = Until::Over;
        if refuses { Err(Refused) } else { Ok(()) }
    }
}

/// Waits until one of the answers that are being fetched is here.
async fn any_fetched(waiting: &mut [Waiting]) {
    poll_fn(|context| {
        let mut any = Poll::Pending;
        for Waiting { until, .. } in &mut *waiting {
            if let Until::Fetching(task) = until
                && let Poll::Ready(answer) = Pin::new(task).poll(context)
            {
                // A task that panicked has said so in the log; its client gets an empty answer and goes on.
                *until = Until::Fetched(answer.unwrap_or_default());
                any = Poll::Ready(());
            }
        }
        any
    })
    .await;
}

/// Bytes sent that may stay in the sending buffer, and the size to which an empty one is shrunk.
const KEPT: usize = 16 * 1024;

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
        self.waiting.push_back(Waiting { until: Until::Fetching(places), behind: Vec::new() });
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

    /// Answers being fetched, or waiting behind one that is.
    pub(super) fn fetching(&self) -> usize {
        self.fetching
    }

    /// Whether there are answers that wait.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What can be sent now, and what waits.
    pub(super) fn parts(&mut self) -> (&[u8], Pending<'_>) {
        (&self.sendable[self.sent..], Pending(&mut self.waiting))
    }

    /// Makes sendable what waits for nothing any more.
    pub(super) fn release(&mut self) {
        let is_over = |first: &mut Waiting| matches!(first.until, Until::Fetched(_) | Until::Over);
        while let Some(Waiting { until, behind }) = self.waiting.pop_front_if(is_over) {
            if let Until::Fetched(answer) = until {
                self.fetching -= 1;
                self.sendable.extend_from_slice(&answer);
            }
            self.sendable.extend_from_slice(&behind);
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
        let waiting = self.waiting.iter().map(|Waiting { until, behind }| match until {
            Until::Fetched(answer) => answer.len() + behind.len(),
            Until::Fetching(_) | Until::Settled(..) | Until::Over => behind.len(),
        });
        self.sendable().len() + waiting.sum::<usize>()
    }

    /// Whether nothing is owed.
    pub(super) fn is_empty(&self) -> bool {
        self.sendable().is_empty() && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_that_is_here_before_its_turn_is_counted_and_sent_in_its_turn() {
        let mut answers = Answers::default();
        let (first, wait) = tokio::sync::oneshot::channel::<()>();
        answers.fetch(async {
            wait.await.unwrap();
            b"first ".to_vec()
        });
        answers.fetch(async { b"second ".to_vec() });
        answers.next().extend_from_slice(b"third");
        answers.parts().1.any().await.unwrap();
        answers.release();
        assert_eq!((answers.held(), answers.sendable()), ("second third".len(), &b""[..]));
        first.send(()).unwrap();
        answers.parts().1.any().await.unwrap();
        answers.release();
        assert_eq!(answers.sendable(), b"first second third");
        assert_eq!((answers.fetching(), answers.held()), (0, "first second third".len()));
    }

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
