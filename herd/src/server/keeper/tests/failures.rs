//! Failing disks, for which nodes and clients do not wait.

use super::*;
use crate::server::shared::lock;

#[tokio::test]
async fn an_operation_that_fails_is_a_failure_until_a_new_journal_is_on_disk() {
    for (durability, operation) in WAITS.into_iter().chain([(Durability::Everysec, "fsync")]) {
        let pair = Pair::start("fails", durability).await;
        pair.gate.fail(Some(operation));
        let mut client = Client::of(pair.alford.client).await;
        assert!(client.ask("IAMAT kiwi +1+1 1\n").await.starts_with("AT Alford "));
        let is_degraded = async || pair.get("/status").await.contains(r#""durability":"degraded""#);
        eventually(is_degraded).await;
        assert!(pair.get("/readyz").await.contains("the disk fails: the gate says so"));
        // No answer waits for a failing disk.
        assert!(client.ask("IAMAT fig +1+1 1\n").await.starts_with("AT Alford "));
        pair.knows(pair.parker.client, "fig").await;
        pair.gate.fail(None);
        eventually(async || !is_degraded().await).await;
        assert!(client.ask("IAMAT pear +1+1 1\n").await.starts_with("AT Alford "));
        let journal = std::fs::read_to_string(pair.folder.join("journal")).unwrap();
        assert!(["kiwi", "fig", "pear"].iter().all(|client| journal.contains(client)), "{journal}");
        // Changes missing from the old file were sent in an epoch that it does not contain.
        assert!(journal.contains(" EPOCH 0000000000000002\n"), "{journal}");
        pair.end().await;
    }
}

#[tokio::test]
async fn a_node_stops_while_its_disk_hangs() {
    for (durability, operation) in WAITS {
        let mut pair = Pair::start("stops", durability).await;
        pair.gate.close(operation);
        let mut reporter = Client::of(pair.alford.client).await;
        reporter.say("IAMAT kiwi +1+1 1\n").await;
        eventually(async || pair.gate.is_waited_at()).await;
        pair.stop.cancel();
        timeout(DEADLINE, &mut pair.running).await.expect("the node does not stop").unwrap();
        pair.running = tokio::spawn(async {});
        pair.end().await;
    }
}

#[tokio::test]
async fn a_client_that_goes_away_while_the_disk_hangs_is_let_go() {
    let pair = Pair::start("leaves", Durability::Always).await;
    pair.gate.close("fsync");
    let mut reporter = Client::of(pair.alford.client).await;
    reporter.say("IAMAT kiwi +1+1 1\n").await;
    eventually(async || pair.gate.is_waited_at()).await;
    eventually(async || pair.get("/status").await.contains(r#""connections":1,"#)).await;
    // So that the system sends a reset instead of an end.
    reporter.0.set_zero_linger().unwrap();
    drop(reporter);
    eventually(async || pair.get("/status").await.contains(r#""connections":0,"#)).await;
    pair.end().await;
}

#[tokio::test]
async fn a_journal_that_is_closed_has_clients_answered_no_more() {
    let folder = std::env::temp_dir().join(format!("herd-closed-{}", std::process::id()));
    let disk = GatedDisk::open(&folder, &Gate::default());
    let (store, _) = Store::open_on(
        disk,
        node("Alford", "Parker", 1),
        Durability::Everysec,
        false,
        Some("boot"),
        Box::new(|| 2),
    )
    .unwrap();
    let shared = bind("Alford", "Parker", store, &CancellationToken::new()).await.shared;
    assert!(!lock(&shared).settled().refuses);
    shared.keeper.close().await;
    assert!(lock(&shared).settled().refuses);
    std::fs::remove_dir_all(folder).unwrap();
}
