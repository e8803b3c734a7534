//! Compaction of a journal.

use std::os::unix::fs::MetadataExt;

use super::gate::DRAFT_SYNC;
use super::*;

#[tokio::test]
async fn a_journal_is_compacted_when_most_of_it_is_superseded_and_closed_in_the_end() {
    for durability in [Durability::Everysec, Durability::Always] {
        let pair = Pair::start("compacts", durability).await;
        let journal = pair.folder.join("journal");
        let file = || std::fs::metadata(&journal).unwrap().ino();
        let mut client = Client::of(pair.alford.client).await;
        let before = file();
        // Long enough for compaction, but without stale lines.
        for number in 0..40 {
            client.ask(&format!("IAMAT client-{number} +1+1 1\n")).await;
        }
        assert_eq!(file(), before);
        let mut second = 1;
        eventually(async || {
            second += 1;
            client.ask(&format!("IAMAT client-7 +1+1 {second}\n")).await;
            file() != before
        })
        .await;
        let length = || std::fs::metadata(&journal).unwrap().len();
        eventually(async || {
            pair.get("/metrics").await.contains(&format!("journal_size_bytes {}\n", length()))
        })
        .await;
        pair.stop.cancel();
        let running = pair.running;
        timeout(DEADLINE, running).await.unwrap().unwrap();
        let journal = std::fs::read_to_string(journal).unwrap();
        assert!(journal.ends_with(" CLOSED\n"), "{journal}");
        pair.stop_parker.cancel();
        std::fs::remove_dir_all(pair.folder).unwrap();
    }
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_synced_does_not_become_the_journal() {
    let pair = Pair::start("snapshot", Durability::Everysec).await;
    let journal = pair.folder.join("journal");
    pair.gate.fail(Some(DRAFT_SYNC));
    let mut client = Client::of(pair.alford.client).await;
    let before = std::fs::metadata(&journal).unwrap().ino();
    let mut second = 0;
    let mut report = async || {
        second += 1;
        assert!(client.ask(&format!("IAMAT kiwi +1+1 {second}\n")).await.starts_with("AT Alford "));
    };
    eventually(async || {
        report().await;
        pair.gate.failures() > 0
    })
    .await;
    // The journal stays as it was, and compaction is not retried with each report.
    for _ in 0..20 {
        report().await;
    }
    assert!(pair.get("/status").await.contains(r#""durability":"everysec""#));
    assert_eq!(pair.gate.failures(), 1);
    assert_eq!(std::fs::metadata(&journal).unwrap().ino(), before);
    assert!(std::fs::read_to_string(&journal).unwrap().contains(&format!(" kiwi +1+1 {second}\n")));
    pair.end().await;
}
