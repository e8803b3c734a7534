//! What a picture shows for what nodes and the harness say.

use serde_json::json;

use super::*;

/// Two neighbours.
fn pair() -> WatchedHerd {
    let node = |name: &str, neighbour: &str| WatchedNode {
        name: name.to_owned(),
        client: "127.0.0.1:1".parse().unwrap(),
        admin: Some("127.0.0.1:2".parse().unwrap()),
        neighbours: vec![neighbour.to_owned()],
    };
    let nodes = vec![node("Alford", "Parker"), node("Parker", "Alford")];
    WatchedHerd { name: "pair".to_owned(), nodes, clients_use_tls: false }
}

/// The status of a node that is well.
fn status(neighbour: &str, reports: u64, sent: u64) -> Value {
    json!({
        "ready": true,
        "reasons": [],
        "durability": "everysec",
        "clients": 3,
        "lines": { "reports_fresh": reports, "reports_stale": 0 },
        "neighbours": [{
            "name": neighbour, "linked": true, "state": "up", "clock_differs": false,
            "updates_sent": sent, "lag": 4, "round_trip_seconds": 0.25,
            "origins_left_out": 2,
        }],
    })
}

fn look(seconds: u64, alford: Result<Value, String>, parker: Value) -> Look {
    let statuses = [("Alford".to_owned(), alford), ("Parker".to_owned(), Ok(parker))].into();
    Look { at: Duration::from_secs(seconds), statuses, harness: HarnessState::default() }
}

/// The picture as the page receives it.
fn drawn(before: &Look, now: &Look) -> Value {
    serde_json::to_value(Picture::of(&pair(), before, now, 7)).unwrap()
}

/// The state of Alford if its status is changed like this.
fn state_after(change: impl FnOnce(&mut Value)) -> Value {
    let mut alford = status("Parker", 0, 0);
    change(&mut alford);
    let now = look(1, Ok(alford), status("Alford", 0, 0));
    drawn(&now, &now)["nodes"][0]["state"].clone()
}

#[test]
fn rates_are_those_since_the_last_look_and_a_restarted_node_counts_from_0() {
    let before = look(1, Ok(status("Parker", 100, 10)), status("Alford", 50, 30));
    let now = look(3, Ok(status("Parker", 300, 20)), status("Alford", 8, 2));
    let picture = drawn(&before, &now);
    assert_eq!(picture["nodes"][0]["reports_per_second"], 100.0);
    assert_eq!(picture["nodes"][1]["reports_per_second"], 4.0);
    let link = &picture["links"][0];
    assert_eq!((&link["a"], &link["b"], &link["state"]), (&"Alford".into(), &"Parker".into(), &"up".into()));
    assert_eq!(link["a_to_b"], json!({ "lines_per_second": 5.0, "backlog": 4, "origins_left_out": 2 }));
    assert_eq!(link["b_to_a"], json!({ "lines_per_second": 1.0, "backlog": 4, "origins_left_out": 2 }));
    assert_eq!(picture["nodes"][0]["answer_p50_seconds"], Value::Null);
}

#[test]
fn a_node_is_named_by_the_worst_that_is_wrong_with_it() {
    assert_eq!(state_after(|_| {}), "ready");
    assert_eq!(state_after(|status| status["ready"] = false.into()), "not ready");
    let skew = |status: &mut Value| status["neighbours"][0]["clock_differs"] = true.into();
    assert_eq!(state_after(skew), "skewed");
    let cut_off = |status: &mut Value| {
        skew(status);
        status["neighbours"][0]["linked"] = false.into();
    };
    assert_eq!(state_after(cut_off), "apart");
    for durability in ["degraded", "stalled"] {
        let fail = |status: &mut Value| {
            cut_off(status);
            status["durability"] = durability.into();
        };
        assert_eq!(state_after(fail), "degraded");
    }
}

#[test]
fn what_the_harness_knows_counts_before_what_a_node_says() {
    let mut now = look(1, Err("no answer within 1s".to_owned()), status("Alford", 0, 0));
    let picture = drawn(&now, &now);
    let alford = &picture["nodes"][0];
    assert_eq!(
        (&alford["state"], &alford["reasons"][0]),
        (&"not answering".into(), &"no answer within 1s".into())
    );
    // The other end still knows the link.
    assert_eq!(picture["links"][0]["state"], "up");
    for (life, state) in [(Life::Paused, "paused"), (Life::Down, "down")] {
        now.harness.nodes.insert("Alford".to_owned(), life);
        assert_eq!(drawn(&now, &now)["nodes"][0]["state"], state);
    }
    now.harness.cut.push(("Parker".to_owned(), "Alford".to_owned()));
    assert_eq!(drawn(&now, &now)["links"][0]["state"], "cut");
    now.statuses.clear();
    now.harness = HarnessState::default();
    let picture = drawn(&now, &now);
    assert_eq!(
        (&picture["nodes"][0]["state"], &picture["links"][0]["state"]),
        (&"not watched".into(), &"unknown".into())
    );
}
