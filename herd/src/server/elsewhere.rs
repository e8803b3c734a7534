//! Questions about clients whose shards other nodes hold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::shared::Shared;
use crate::message::Refusal;

/// The most questions that wait to be sent to other nodes. Further ones are answered as if the
/// client were unknown.
const MOST_WAITING: usize = 1024;

/// What becomes of questions.
const OUTCOMES: [&str; 3] = ["known", "unknown", "unanswered"];

/// A question about a client.
#[derive(Debug)]
pub(crate) struct Lookup {
    /// The client's id.
    pub(crate) client: Box<[u8]>,
    /// Takes the client's AT line; empty if no node knows it. Dropped if no node has answered.
    pub(crate) answer: oneshot::Sender<Box<[u8]>>,
}

/// The questions of a node, if it holds only some shards.
#[derive(Debug)]
pub(super) struct Elsewhere {
    lookups: mpsc::Sender<Lookup>,
    /// How many questions found a client, how many did not, and how many no node answered.
    known: AtomicU64,
    unknown: AtomicU64,
    unanswered: AtomicU64,
}

impl Elsewhere {
    /// Returns where to put questions, and where they come out.
    pub(super) fn new() -> (Elsewhere, mpsc::Receiver<Lookup>) {
        let (lookups, taken) = mpsc::channel(MOST_WAITING);
        let [known, unknown, unanswered] = [0; 3].map(AtomicU64::new);
        (Elsewhere { lookups, known, unknown, unanswered }, taken)
    }

    /// Returns how many questions were asked, by what became of them.
    pub(super) fn counts(&self) -> BTreeMap<&'static str, u64> {
        let counts = [&self.known, &self.unknown, &self.unanswered];
        OUTCOMES.into_iter().zip(counts.map(|count| count.load(Ordering::Relaxed))).collect()
    }

    /// Returns the same for a node that holds all shards, and so asks no questions.
    pub(super) fn no_counts() -> BTreeMap<&'static str, u64> {
        OUTCOMES.map(|outcome| (outcome, 0)).into()
    }
}

impl Shared {
    /// Asks the nodes that hold a client's shard for its AT line.
    ///
    /// # Errors
    /// They do not know the client, or do not answer.
    pub(super) async fn look_up(self: &Arc<Shared>, client: Box<[u8]>) -> Result<Box<[u8]>, Refusal> {
        let backbone = self.backbone.get().and_then(|backbone| backbone.elsewhere());
        let elsewhere = backbone.ok_or(Refusal::Unanswered)?;
        let (answer, answered) = oneshot::channel();
        let _ = elsewhere.lookups.try_send(Lookup { client, answer });
        // The other end is dropped if the question could not be sent.
        let (found, count) = match answered.await {
            Ok(line) if line.is_empty() => (Err(Refusal::UnknownClient), &elsewhere.unknown),
            Ok(line) => (Ok(line), &elsewhere.known),
            Err(_) => (Err(Refusal::Unanswered), &elsewhere.unanswered),
        };
        count.fetch_add(1, Ordering::Relaxed);
        found
    }
}
