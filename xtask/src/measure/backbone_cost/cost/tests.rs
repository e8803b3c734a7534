//! Tests of what numbers of clients cost.

use super::*;

/// Round figures near those of a fast machine.
fn measured() -> Measured {
    Measured {
        client_bytes: 100.0,
        receiving_cpu: 5e-6,
        flooded_cpu: 2e-6,
        light_cores: 0.5,
        line_cpu: 2e-6,
        leader_share: 0.5,
        log_bytes: 300.0,
        message_bytes: 100.0,
        sent_bytes: 1_100.0,
        lines: 100.0,
        link_rate: 500_000.0,
        backbone_rate: 250_000.0,
    }
}

fn assumed() -> Assumptions {
    Assumptions {
        reports: 0.01,
        regions: 2,
        memory: 16e9,
        cores: 4.0,
        shards: 64,
        copies: 2,
        network: 1.25e9,
        seed: 1,
    }
}

#[test]
fn a_small_herd_is_not_divided_and_its_costs_are_products() {
    let cost = cost_of(1_000_000, &measured(), &assumed());
    assert!(matches!(cost.herd, Herd::Full { bytes } if bytes == 1e8), "{:?}", cost.herd);
    assert_eq!((cost.updates, cost.streams), (1e4, 1));
    let close = |one: f64, other: f64| (one - other).abs() < 1e-6 * other;
    assert_eq!(cost.server_cores, 0.5, "more than 10,000 lines of 2 us");
    assert!(close(cost.log, 1e4 * 300.0 * 3_600.0), "{}", cost.log);
    // As measured, since there are two regions.
    assert!(close(cost.network, 1e4 * 1_100.0), "{}", cost.network);
    let four = cost_of(1_000_000, &measured(), &Assumptions { regions: 4, ..assumed() });
    assert!(close(four.network, 1e4 * (300.0 + 8.0 * 200.0)), "{}", four.network);
    // 5,000 reports are received, and the other nodes take 45,000 updates.
    assert!(close(cost.node_cores, 5_000.0 * 5e-6 + 45_000.0 * 2e-6), "{}", cost.node_cores);
    assert_eq!(cost.node_lost, Recovery { bytes: 1e8, seconds: 5.0 + 2.0, fullest: 1 });
    assert_eq!(cost.region_lost, Recovery { bytes: 2e8, seconds: 5.0 + 4.0, fullest: 1 });
}

#[test]
fn a_table_that_does_not_fit_a_node_is_divided_and_fits_after_a_loss() {
    let cost = cost_of(1_000_000_000, &measured(), &Assumptions { reports: 0.001, ..assumed() });
    let Herd::Sharded { placement, nodes, bytes } = &cost.herd else { panic!("{:?}", cost.herd) };
    assert!((20..=24).contains(nodes), "{nodes} nodes for 200 GB at 11.2 GB each");
    assert!(cost.node_lost.fullest as f64 * bytes <= USABLE * 16e9);
    assert!(placement.held()[0] > 0);
    // The leaders have half of 2 cores.
    assert_eq!(cost.streams, 2);
    // The shards of one node are copied by several nodes at once.
    let shard = 1e9 / 64.0;
    assert!(cost.node_lost.bytes <= 7.0 * shard * 100.0);
    assert!(cost.node_lost.seconds < 5.0 + 7.0 * shard / 500_000.0, "{}", cost.node_lost.seconds);
    assert!(cost.region_lost.seconds > cost.node_lost.seconds);
}

#[test]
fn processors_can_ask_for_more_nodes_than_memory_does() {
    let few = cost_of(1_000_000_000, &measured(), &Assumptions { reports: 0.001, ..assumed() });
    let many = Assumptions { reports: 0.05, shards: 512, ..assumed() };
    let many = cost_of(1_000_000_000, &measured(), &many);
    let nodes = |cost: &Cost| match cost.herd {
        Herd::Sharded { nodes, .. } => nodes,
        _ => panic!("{:?}", cost.herd),
    };
    assert!(nodes(&many) > 4 * nodes(&few), "{} and {}", nodes(&many), nodes(&few));
    assert!(many.node_cores / nodes(&many) as f64 <= USABLE * 4.0);
}

#[test]
fn a_shard_that_does_not_fit_a_node_is_answered_by_the_number_that_would() {
    let small = Assumptions { memory: 1e9, ..assumed() };
    let cost = cost_of(1_000_000_000, &measured(), &small);
    assert!(matches!(cost.herd, Herd::TooLarge { shards: 143 }), "{:?}", cost.herd);
    assert_eq!(cost.node_lost, Recovery::default());
    let enough = Assumptions { shards: 143, ..small };
    assert!(matches!(cost_of(1_000_000_000, &measured(), &enough).herd, Herd::Sharded { .. }));
}

#[test]
fn a_slow_network_is_what_a_loss_waits_for() {
    let slow = Assumptions { network: 1e6, ..assumed() };
    let cost = cost_of(1_000_000, &measured(), &slow);
    assert_eq!(cost.node_lost.seconds, 5.0 + 100.0);
    assert_eq!(cost.region_lost.seconds, 5.0 + 200.0);
}
