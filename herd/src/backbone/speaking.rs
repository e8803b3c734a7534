//! The task that says which shards this node holds, and hears which ones other nodes hold.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout_at};
use tracing::debug;

use super::engine::{Engine, Subject, parsed};
use super::failure::Failure;
use super::holders::Holders;
use super::holding::{Holding, WHO};
use super::settings::Settings;
use crate::server::{BackboneState, Progress, TableAccess};
use crate::traces::Traces;

/// The interval at which a node says which shards it holds.
pub const SAY: Duration = Duration::from_secs(1);

/// How long answers of all nodes are waited for.
const GATHER: Duration = Duration::from_secs(1);

/// The pause before another attempt.
const PAUSE: Duration = Duration::from_secs(1);

/// The nodes that hold shards, as all tasks of a node know them.
#[derive(Debug)]
pub(super) struct KnownHolders {
    began: Instant,
    holders: Mutex<Holders>,
}

impl KnownHolders {
    pub(super) fn new() -> KnownHolders {
        KnownHolders { began: Instant::now(), holders: Mutex::default() }
    }

    /// Calls `look` with the holders and the time.
    pub(super) fn look<T>(&self, look: impl FnOnce(&mut Holders, Duration) -> T) -> T {
        look(&mut self.holders.lock().unwrap_or_else(PoisonError::into_inner), self.began.elapsed())
    }
}

/// Speaks and hears until the node stops.
pub(super) async fn run(
    engine: Arc<Engine>,
    state: Arc<BackboneState>,
    access: TableAccess,
    holders: Arc<KnownHolders>,
) {
    let closing = access.closing();
    let speak = async {
        loop {
            if let Err(failure) = speak(&engine, &state, &access, &holders).await {
                debug!(reason = %failure, "nodes learn of shards later");
            }
            sleep(PAUSE).await;
        }
    };
    closing.run_until_cancelled(speak).await;
}

async fn speak(
    engine: &Engine,
    state: &BackboneState,
    access: &TableAccess,
    holders: &KnownHolders,
) -> Result<(), Failure> {
    let mut said = engine.listen(Subject::Holders).await?;
    let mut ticks = interval(SAY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                engine.say(Subject::Holders, holding(engine, state, access).to_string()).await?;
            }
            message = said.next() => {
                let Some(message) = message else { return Ok(()) };
                match parsed::<Holding>(&message) {
                    Some(holding) if holding.node != engine.settings.node => {
                        holders.look(|holders, now| holders.note(holding, now));
                    }
                    Some(_) => {}
                    None => {
                        let answer = holding(engine, state, access).to_string().into_bytes();
                        engine.answer(&message, answer).await?;
                    }
                }
            }
        }
    }
}

fn holding(engine: &Engine, state: &BackboneState, access: &TableAccess) -> Holding {
    let Settings { region, node, shards, .. } = &engine.settings;
    let Progress { stream, read, skipped, .. } = state.progress();
    let (clients, elsewhere) = access.look(|node| (node.table().len(), node.table().elsewhere()));
    Holding {
        region: region.clone(),
        node: node.clone(),
        shards: *shards,
        clients: clients as u64,
        elsewhere: elsewhere as u64,
        unread: state.unread(),
        is_whole: state.is_whole(),
        stream,
        read,
        skipped,
    }
}

/// Asks all nodes on the backbone which shards they hold. Returns the answers of one second, by the
/// names of the nodes.
///
/// # Errors
/// The servers cannot be reached. The text says why.
pub async fn ask_all(settings: Settings) -> Result<Vec<Holding>, String> {
    let engine = Engine::new(settings, Traces::default());
    let ask = async {
        let mut answers = engine.ask_all(Subject::Holders, WHO.to_owned()).await?;
        let mut holdings = Vec::new();
        let until = Instant::now() + GATHER;
        while let Ok(Some(message)) = timeout_at(until, answers.next()).await {
            holdings.extend(parsed::<Holding>(&message));
        }
        Ok(holdings)
    };
    let mut holdings = ask.await.map_err(|failure: Failure| failure.to_string())?;
    holdings.sort_by(|one, other| one.node.cmp(&other.node));
    Ok(holdings)
}
