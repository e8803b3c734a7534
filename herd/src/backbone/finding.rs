//! The tasks that find clients at the nodes that hold their shards.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Message;
use futures_util::StreamExt;
use futures_util::stream::{FuturesUnordered, select_all};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tracing::debug;

use super::engine::{Engine, PATIENCE, Subject, parsed};
use super::failure::Failure;
use super::holding::Find;
use crate::message::ClientId;
use crate::server::{BackboneState, Lookup, TableAccess};

/// The most questions under way from one node, and the most that it answers at once.
const MOST: usize = 256;

/// The interval of looks whether the stream has been read far enough.
const LOOK: Duration = Duration::from_millis(5);

/// The pause before another attempt.
const PAUSE: Duration = Duration::from_millis(250);

/// Asks other nodes about clients until the node stops.
pub(super) async fn ask(
    engine: Arc<Engine>,
    state: Arc<BackboneState>,
    access: TableAccess,
    mut lookups: mpsc::Receiver<Lookup>,
) {
    let closing = access.closing();
    let mut under_way = FuturesUnordered::new();
    loop {
        tokio::select! {
            () = closing.cancelled() => return,
            Some(()) = under_way.next() => {}
            Some(lookup) = lookups.recv(), if under_way.len() < MOST => {
                under_way.push(find(&engine, &state, lookup));
            }
        }
    }
}

/// Asks about one client.
async fn find(engine: &Engine, state: &BackboneState, lookup: Lookup) {
    let Ok(client) = String::from_utf8(lookup.client.into()) else { return };
    let shard = engine.settings.shards.of(client.as_bytes());
    // What this node has dropped is in the stream up to there.
    let find = Find { least: state.dropped(), client };
    match engine.ask(Subject::Find(shard), find.to_string(), PATIENCE).await {
        // Fails if the client has gone.
        Ok(answer) => drop(lookup.answer.send(answer.payload.to_vec().into())),
        Err(failure) => debug!(shard, reason = %failure, "no node answers for a shard"),
    }
}

/// Answers the questions of other nodes about the shards that this node holds, while it lacks
/// nothing, until it stops.
pub(super) async fn answer(engine: Arc<Engine>, state: Arc<BackboneState>, access: TableAccess) {
    let closing = access.closing();
    let serve = async {
        loop {
            if state.is_whole()
                && let Err(failure) = serve(&engine, &state, &access).await
            {
                debug!(reason = %failure, "questions of other nodes are answered later");
            }
            sleep(PAUSE).await;
        }
    };
    closing.run_until_cancelled(serve).await;
}

/// Answers until the backbone fails, or the node lacks something.
async fn serve(engine: &Engine, state: &BackboneState, access: &TableAccess) -> Result<(), Failure> {
    let mut subscribers = Vec::new();
    for shard in engine.settings.shards.iter() {
        subscribers.push(engine.share(Subject::Find(shard)).await?);
    }
    let mut questions = select_all(subscribers);
    let mut under_way = FuturesUnordered::new();
    while state.is_whole() {
        tokio::select! {
            Some(answered) = under_way.next() => answered?,
            Some(question) = questions.next(), if under_way.len() < MOST => {
                under_way.push(answer_one(engine, state, access, question));
            }
            () = sleep(PAUSE) => {}
        }
    }
    Ok(())
}

/// Answers one question, once this node has read what the other one has published.
async fn answer_one(
    engine: &Engine,
    state: &BackboneState,
    access: &TableAccess,
    question: Message,
) -> Result<(), Failure> {
    let Some(find) = parsed::<Find>(&question) else { return Ok(()) };
    let asked = Instant::now();
    while state.progress().read < find.least {
        if asked.elapsed() > PATIENCE {
            return Ok(());
        }
        sleep(LOOK).await;
    }
    let client = ClientId::parse(find.client.as_bytes());
    let line = access.look(|node| Some(node.table().get(client?)?.at()?.to_vec()));
    engine.answer(&question, line.unwrap_or_default()).await
}
