//! Watches the nodes: asks for their states each second, and listens to their events.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::admin_port;
use super::event_lines::{EventReader, ServerEvent};
use super::harness::{HarnessState, Life};
use super::history::Notice;
use super::picture::{Look, Picture};
use super::shared::{Shared, now_ms, on_harness};
use super::watched_herd::WatchedNode;

/// The time between two looks at the herd.
const EVERY: Duration = Duration::from_secs(1);

/// The shortest time that rates and percentiles are measured over.
const WINDOW: Duration = Duration::from_millis(900);

/// How long to wait for the harness, which may be busy with an action.
const HARNESS_PATIENCE: Duration = Duration::from_millis(500);

/// How long the events of a node may be silent. A node sends a comment every 2 seconds.
const SILENCE: Duration = Duration::from_secs(10);

/// The pause before the events of a node are asked for again.
const RETRY: Duration = Duration::from_secs(1);

/// Looks at the herd each second, and when somebody asks for a new look.
pub(super) async fn watch(shared: Arc<Shared>) {
    let mut listeners = JoinSet::new();
    for node in &shared.herd.nodes {
        listeners.spawn(listen(Arc::clone(&shared), node.clone()));
    }
    let mut next = Instant::now();
    let mut past = VecDeque::from([look(&shared, HarnessState::default()).await]);
    loop {
        next = (next + EVERY).max(Instant::now());
        // An action asks for a look, so that its effect is seen at once.
        let _ = timeout_at(next, shared.look_now.notified()).await;
        let last_known = past.back().map(|look| look.harness.clone()).unwrap_or_default();
        let now = look(&shared, last_known).await;
        while past.get(1).is_some_and(|look| now.at - look.at >= WINDOW) {
            past.pop_front();
        }
        let picture = Picture::of(&shared.herd, &past[0], &now, now_ms());
        note_changes(&shared, &picture);
        shared.publish(picture);
        past.push_back(now);
    }
}

/// Asks the harness and the nodes for their states. A busy harness has its last known state.
async fn look(shared: &Arc<Shared>, last_known: HarnessState) -> Look {
    let harness = harness_state(shared).await.unwrap_or(last_known);
    let mut asked = JoinSet::new();
    for node in &shared.herd.nodes {
        let Some(admin) = node.admin else { continue };
        // A paused node would answer nothing, and delay the picture of the others.
        if matches!(harness.nodes.get(&node.name), Some(Life::Paused | Life::Down)) {
            continue;
        }
        let (name, client) = (node.name.clone(), shared.http.clone());
        asked.spawn(async move { (name, admin_port::status(&client, admin).await) });
    }
    let statuses = asked.join_all().await.into_iter().collect();
    Look { at: shared.started.elapsed(), statuses, harness }
}

/// Asks the harness for its state. Returns `None` if there is none, or if it does not answer in
/// time. It is not asked again before it has answered, since each question occupies a thread.
async fn harness_state(shared: &Arc<Shared>) -> Option<HarnessState> {
    let harness = shared.harness.as_ref()?;
    let turn = Arc::clone(&shared.harness_turn).try_acquire_owned().ok()?;
    let state = on_harness(harness, move |harness| {
        let _turn = turn;
        harness.state()
    });
    timeout(HARNESS_PATIENCE, state).await.ok()?.ok()
}

/// Notes which nodes have become well or ill since the last picture.
fn note_changes(shared: &Shared, picture: &Picture) {
    let before = shared.feed.picture();
    for (then, now) in before.nodes.iter().zip(&picture.nodes) {
        if then.state == now.state {
            continue;
        }
        let word = serde_json::to_value(now.state).unwrap_or_default();
        let word = word.as_str().unwrap_or_default();
        let text = match &now.reasons[..] {
            [] => format!("{} is {word}", now.name),
            reasons => format!("{} is {word}: {}", now.name, reasons.join("; ")),
        };
        shared.notice(Notice {
            at_ms: picture.at_ms,
            node: Some(now.name.clone()),
            kind: "warning".to_owned(),
            text,
        });
    }
}

/// Listens to the events of a node, again and again.
async fn listen(shared: Arc<Shared>, node: WatchedNode) {
    let Some(admin) = node.admin else { return };
    let mut last = None;
    loop {
        if let Ok(mut answer) = admin_port::events(&shared.http, admin, last.as_deref()).await {
            let mut reader = EventReader::default();
            while let Ok(Ok(Some(bytes))) = timeout(SILENCE, answer.chunk()).await {
                let read = reader.read(&bytes, |event| {
                    pass_on(&shared, &node.name, &event);
                    last = event.id.or(last.take());
                });
                if read.is_err() {
                    break;
                }
            }
        }
        sleep(RETRY).await;
    }
}

/// Passes an event of a node on to browsers and to the history.
fn pass_on(shared: &Shared, node: &str, event: &ServerEvent) {
    let Ok(mut data) = serde_json::from_str::<Value>(&event.data) else { return };
    match &*event.name {
        "updates" => {
            data["node"] = node.into();
            shared.feed.send("updates", &data);
        }
        kind @ ("link" | "refused" | "warning" | "missed") => {
            let text = match data["text"].as_str() {
                Some(text) => text.to_owned(),
                None => format!("{} events were missed", data["events"]),
            };
            let at_ms = data["at_ms"].as_u64().unwrap_or_else(now_ms);
            shared.notice(Notice { at_ms, node: Some(node.to_owned()), kind: kind.to_owned(), text });
        }
        _ => {}
    }
}
