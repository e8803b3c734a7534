//! Which answers and updates wait for the disk.

use super::*;
use crate::server::keeper::EVERY;

#[tokio::test]
async fn while_the_disk_hangs_only_what_depends_on_it_waits() {
    for (durability, operation) in WAITS {
        let pair = Pair::start("hangs", durability).await;
        pair.gate.close(operation);
        let mut reporter = Client::of(pair.alford.client).await;
        reporter.say("x\nIAMAT kiwi +1+1 1\ny\n").await;
        // Answers before the report do not wait.
        assert_eq!(reporter.hear().await, "? x\n");
        eventually(async || pair.gate.is_waited_at()).await;
        // Other clients get answers about records on disk.
        let mut other = Client::of(pair.alford.client).await;
        assert_eq!(other.ask("z\n").await, "? z\n");
        assert!(other.ask("WHATSAT plum 0 0\n").await.starts_with("AT Parker "));
        assert!(other.ask("IAMAT plum +1+1 0\n").await.starts_with("AT Alford "));
        // A client that asks about a record that is not on disk waits with the reporter.
        let mut asker = Client::of(pair.alford.client).await;
        asker.say("WHATSAT kiwi 0 0\n").await;
        eventually(async || pair.get("/readyz").await.contains("the disk has not responded for ")).await;
        assert!(pair.get("/healthz").await.starts_with("HTTP/1.1 200 "));
        let status = pair.get("/status").await;
        assert!(
            status.contains(r#""durability":"stalled""#) && status.contains(r#""linked":true"#),
            "{status}"
        );
        assert!(pair.get("/metrics").await.contains("herd_durability_stalled 1\n"));
        asker.hears_nothing().await;
        reporter.hears_nothing().await;
        // Neighbours do not receive it either, but can send updates.
        let mut parker = Client::of(pair.parker.client).await;
        assert_eq!(parker.ask("WHATSAT kiwi 0 0\n").await, "? WHATSAT kiwi 0 0\n");

        pair.gate.open();
        assert!(asker.hear().await.starts_with("AT Alford "));
        let answers = reporter.hear().await;
        assert!(answers.starts_with("AT Alford ") && answers.ends_with(" kiwi +1+1 1\n? y\n"), "{answers}");
        pair.knows(pair.parker.client, "kiwi").await;
        eventually(async || !pair.get("/readyz").await.contains("disk")).await;
        pair.end().await;
    }
}

#[tokio::test]
async fn a_question_about_a_removed_client_waits_for_the_removal() {
    for (durability, operation) in WAITS {
        let pair = Pair::start("removal", durability).await;
        pair.gate.close(operation);
        let removing = tokio::spawn(request(pair.alford.admin.unwrap(), "DELETE", "/clients/plum"));
        eventually(async || pair.gate.is_waited_at()).await;
        let mut asker = Client::of(pair.alford.client).await;
        asker.say("WHATSAT plum 0 0\n").await;
        asker.hears_nothing().await;
        assert!(!removing.is_finished());
        pair.gate.open();
        assert_eq!(asker.hear().await, "? WHATSAT plum 0 0\n");
        assert!(removing.await.unwrap().starts_with("HTTP/1.1 200 "));
        pair.end().await;
    }
}

#[tokio::test]
async fn a_sync_of_everysec_that_hangs_delays_no_answer_and_shows() {
    let pair = Pair::start("everysec", Durability::Everysec).await;
    pair.gate.close("fsync");
    let mut client = Client::of(pair.alford.client).await;
    eventually(async || {
        assert!(client.ask("IAMAT kiwi +1+1 1\n").await.starts_with("AT Alford "));
        pair.gate.is_waited_at()
    })
    .await;
    client.ask("IAMAT fig +1+1 1\n").await;
    pair.knows(pair.parker.client, "fig").await;
    eventually(async || pair.get("/status").await.contains(r#""durability":"stalled""#)).await;
    pair.gate.open();
    eventually(async || pair.get("/status").await.contains(r#""durability":"everysec""#)).await;
    pair.end().await;
}

#[tokio::test]
async fn a_removal_is_confirmed_when_it_is_on_disk() {
    let pair = Pair::start("removal-confirmed", Durability::Always).await;
    pair.gate.close("fsync");
    let mut remover = Client(begin_request(pair.alford.admin.unwrap(), "DELETE", "/clients/plum").await);
    eventually(async || pair.gate.is_waited_at()).await;
    remover.hears_nothing().await;
    pair.gate.open();
    assert!(remover.hear().await.starts_with("HTTP/1.1 200 "));
    pair.end().await;
}

#[tokio::test]
async fn answers_do_not_wait_for_the_next_look_at_the_journal() {
    for durability in [Durability::Everysec, Durability::Always] {
        let pair = Pair::start("wakes", durability).await;
        let mut client = Client::of(pair.alford.client).await;
        let reports = async {
            for second in 0..100 {
                client.ask(&format!("IAMAT kiwi +1+1 {second}\n")).await;
            }
        };
        // The thread runs each second.
        timeout(50 * EVERY, reports).await.expect("each answer waits for the next look");
        // A heartbeat is sent twice a second.
        let mut parker = Client::of(pair.parker.client).await;
        let floods = async {
            for second in 100..200 {
                client.ask(&format!("IAMAT kiwi +1+1 {second}\n")).await;
                let known = format!(" {second}\n");
                while !parker.ask("WHATSAT kiwi 0 0\n").await.contains(&known) {}
            }
        };
        timeout(20 * EVERY, floods).await.expect("each update waits for the next heartbeat");
        pair.end().await;
    }
}
