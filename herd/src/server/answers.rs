//! The answers that a client is owed, in the order asked.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use tokio_util::task::AbortOnDropHandle;

/// Answers in order: what can be sent, then those that still wait for the Places service, each followed by
/// the answers to the lines behind it.
#[derive(Debug, Default)]
pub(super) struct Answers {
    sendable: Vec<u8>,
    sent: usize,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    places: PlacesAnswer,
    behind: Vec<u8>,
}

#[derive(Debug)]
enum PlacesAnswer {
    Fetching(AbortOnDropHandle<Vec<u8>>),
    /// Here, and behind another one that is not.
    Fetched(Vec<u8>),
}

/// The answers being fetched, to wait for.
pub(super) struct Fetching<'a>(&'a mut VecDeque<Waiting>);

impl Fetching<'_> {
    /// Waits until one of them is here, for ever when there is none. Dropping the future loses nothing.
    pub(super) async fn any(self) {
        poll_fn(|context| {
            let mut any = Poll::Pending;
            for waiting in &mut *self.0 {
                if let PlacesAnswer::Fetching(task) = &mut waiting.places
                    && let Poll::Ready(answer) = Pin::new(task).poll(context)
                {
                    // A task that panicked has said so in the log; its client gets an empty answer and goes on.
                    waiting.places = PlacesAnswer::Fetched(answer.unwrap_or_default());
                    any = Poll::Ready(());
                }
            }
            any
        })
        .await;
    }
}

/// Bytes sent that may stay in the sending buffer, and the size to which an empty one is shrunk.
const KEPT: usize = 16 * 1024;

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
        let places = PlacesAnswer::Fetching(AbortOnDropHandle::new(tokio::spawn(answer)));
        self.waiting.push_back(Waiting { places, behind: Vec::new() });
    }

    /// Answers being fetched, or waiting behind one that is.
    pub(super) fn fetching(&self) -> usize {
        self.waiting.len()
    }

    /// What can be sent now, and what is being fetched.
    pub(super) fn parts(&mut self) -> (&[u8], Fetching<'_>) {
        (&self.sendable[self.sent..], Fetching(&mut self.waiting))
    }

    /// Makes sendable what has been fetched and waits for nothing before it.
    pub(super) fn release(&mut self) {
        while let Some(Waiting { places: PlacesAnswer::Fetched(answer), behind }) =
            self.waiting.pop_front_if(|first| matches!(first.places, PlacesAnswer::Fetched(_)))
        {
            self.sendable.extend_from_slice(&answer);
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
        let waiting = self.waiting.iter().map(|waiting| match &waiting.places {
            PlacesAnswer::Fetching(_) => waiting.behind.len(),
            PlacesAnswer::Fetched(answer) => answer.len() + waiting.behind.len(),
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
        answers.parts().1.any().await;
        answers.release();
        assert_eq!((answers.held(), answers.sendable()), ("second third".len(), &b""[..]));
        first.send(()).unwrap();
        answers.parts().1.any().await;
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
