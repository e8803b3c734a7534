//! The pending answers of one client, in the order of its lines.

use std::collections::VecDeque;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::durations::AnswerCounts;
use super::store::Settled;

/// Answers in order: first those that can be sent, then those that wait for the Places service, for
/// the disk or for the backbone. Each waiting answer is followed by the answers to later lines.
#[derive(Debug, Default)]
pub(super) struct Answers {
    sendable: Vec<u8>,
    sent: usize,
    waiting: VecDeque<Waiting>,
    /// The number of waiting answers that come from the Places service.
    fetching: usize,
    /// The lines whose answers can be sent, and have not been [taken](Answers::take_answered).
    answered: Vec<Answered>,
}

#[derive(Debug)]
struct Waiting {
    until: Until,
    behind: Vec<u8>,
    /// The lines whose answers wait here.
    lines: Vec<Answered>,
}

/// Numbers of lines that one read completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) read: Instant,
    pub(super) lines: AnswerCounts,
}

/// What an answer waits for.
#[derive(Debug)]
enum Until {
    /// An answer of the Places service, which is sent first.
    Fetching(AbortOnDropHandle<Vec<u8>>),
    /// An answer of the Places service that has arrived. It may have to wait for an earlier one.
    Fetched(Vec<u8>),
    /// A sequence that clients may not learn of yet.
    Settled(u64, watch::Receiver<Settled>),
    /// Nothing more: clients may learn of the sequence.
    Over,
}

/// The disk or the backbone fails, and the node is strict: clients are not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused;

/// The waiting answers, borrowed to wait for them.
pub(super) struct Pending<'a>(&'a mut VecDeque<Waiting>);

impl Pending<'_> {
    /// Waits until something arrives that an answer waits for; forever if no answer waits. The
    /// future is cancellation safe.
    ///
    /// # Errors
    /// The disk or the backbone fails, and the node is strict.
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
            // Cannot fail: the sender lives as long as the node.
            now = settled.wait_for(|now| now.refuses || now.answers >= sequence) => now.is_ok_and(|now| now.refuses),
            () = any_fetched(rest) => return Ok(()),
        };
        first.until = Until::Over;
        if refuses { Err(Refused) } else { Ok(()) }
    }
}

/// Waits until one of the answers of the Places service arrives.
async fn any_fetched(waiting: &mut [Waiting]) {
    poll_fn(|context| {
        let mut any = Poll::Pending;
        for Waiting { until, .. } in &mut *waiting {
            if let Until::Fetching(task) = until
                && let Poll::Ready(answer) = Pin::new(task).poll(context)
            {
                // The panic of a task is in the log. The client gets an empty answer and is served
                // on.
                *until = Until::Fetched(answer.unwrap_or_default());
                any = Poll::Ready(());
            }
        }
        any
    })
    .await;
}

/// The most bytes already sent that stay in the send buffer, and the capacity to which an empty
/// buffer shrinks.
const KEPT: usize = 16 * 1024;

/// The most reads whose lines are counted apart while their answers wait together. The lines of
/// later reads count as those of the last one, so that many small reads cost no memory.
const READS: usize = 16;

/// From this number of waits on, answers wait together instead of batch by batch.
const WAITS: usize = 16;

impl Answers {
    /// The buffer to which the next answer is appended.
    pub(super) fn next(&mut self) -> &mut Vec<u8> {
        match self.waiting.back_mut() {
            Some(waiting) => &mut waiting.behind,
            None => &mut self.sendable,
        }
    }

    /// Adds an answer that `fetch` will produce. It is cancelled if the client disconnects.
    pub(super) fn fetch(&mut self, answer: impl Future<Output = Vec<u8>> + Send + 'static) {
        let places = AbortOnDropHandle::new(tokio::spawn(answer));
        self.waiting.push_back(Waiting {
            until: Until::Fetching(places),
            behind: Vec::new(),
            lines: Vec::new(),
        });
        self.fetching += 1;
    }

    /// Makes the bytes of the [next](Self::next) answer from `start` on, and everything after them,
    /// wait until clients may learn of `sequence`. Answers of one `batch` wait together.
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
        let until = Until::Settled(sequence, settled.subscribe());
        self.waiting.push_back(Waiting { until, behind, lines: Vec::new() });
    }

    /// The number of waiting answers, to [count](Self::count) lines by.
    pub(super) fn waits(&self) -> usize {
        self.waiting.len()
    }

    /// Notes lines whose answers can be sent once the first `waits` of the waiting answers no
    /// longer wait.
    pub(super) fn count(&mut self, waits: usize, lines: Answered) {
        let counted = match waits.checked_sub(1) {
            Some(last) => &mut self.waiting[last].lines,
            None => &mut self.answered,
        };
        let may_grow = counted.len() < READS;
        match counted.last_mut() {
            Some(last) if last.read == lines.read || !may_grow => last.lines.add(lines.lines),
            _ => counted.push(lines),
        }
    }

    /// Removes the lines whose answers can be sent since the last call.
    pub(super) fn take_answered(&mut self) -> impl Iterator<Item = Answered> {
        self.answered.drain(..)
    }

    /// The number of answers of the Places service that have not been sent.
    pub(super) fn fetching(&self) -> usize {
        self.fetching
    }

    /// Whether answers wait.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The bytes that can be sent now, and the answers that wait.
    pub(super) fn parts(&mut self) -> (&[u8], Pending<'_>) {
        (&self.sendable[self.sent..], Pending(&mut self.waiting))
    }

    /// Moves answers that no longer wait to the send buffer.
    pub(super) fn release(&mut self) {
        let is_over = |first: &mut Waiting| matches!(first.until, Until::Fetched(_) | Until::Over);
        while let Some(Waiting { until, behind, lines }) = self.waiting.pop_front_if(is_over) {
            self.answered.extend(lines);
            if let Until::Fetched(answer) = until {
                self.fetching -= 1;
                self.sendable.extend_from_slice(&answer);
            }
            self.sendable.extend_from_slice(&behind);
        }
    }

    /// The bytes that can be sent now.
    pub(super) fn sendable(&self) -> &[u8] {
        &self.sendable[self.sent..]
    }

    /// Removes the first `bytes` bytes, which have been sent.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent += bytes;
        if self.sent == self.sendable.len() {
            self.sent = 0;
            self.sendable.clear();
            self.sendable.shrink_to(KEPT);
        } else if self.sent >= KEPT.max(self.sendable.len() / 2) {
            // The buffer must not grow for a client that reads steadily while answers keep coming.
            // Fewer bytes move than were sent, so the move costs less than the sending.
            self.sendable.drain(..std::mem::take(&mut self.sent));
        }
    }

    /// The number of bytes buffered for the client.
    pub(super) fn held(&self) -> usize {
        let waiting = self.waiting.iter().map(|Waiting { until, behind, .. }| match until {
            Until::Fetched(answer) => answer.len() + behind.len(),
            Until::Fetching(_) | Until::Settled(..) | Until::Over => behind.len(),
        });
        self.sendable().len() + waiting.sum::<usize>()
    }

    /// Whether every answer has been sent.
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
