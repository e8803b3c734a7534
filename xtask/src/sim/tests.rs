//! Runs fixed seeds. A failure has the command that runs one again.

use super::*;

fn assert_right(seeds: std::ops::Range<u64>, nodes: usize) {
    assert_right_in_regions(seeds, nodes, 1);
}

fn assert_right_in_regions(seeds: std::ops::Range<u64>, nodes: usize, regions: usize) {
    seeds.for_each(|seed| assert_plan_is_right(&Plan::draw(seed, nodes, in_regions(regions))));
}

fn assert_plan_is_right(plan: &Plan) {
    let (_, verdict) = judge(plan);
    assert!(verdict.violations.is_empty(), "{}\n{verdict}", plan.command());
}

fn assert_shards_are_right(seeds: std::ops::Range<u64>, nodes: usize) {
    let fixed = FixedParts { shards: true, ..FixedParts::default() };
    for seed in seeds {
        let plan = Plan::draw(seed, nodes, fixed);
        assert!(plan.command().ends_with(" --shards"));
        assert_plan_is_right(&plan);
    }
}

fn in_regions(regions: usize) -> FixedParts {
    FixedParts { regions: Some(regions), ..FixedParts::default() }
}

#[test]
fn two_regions_keep_every_promise_350_seeds() {
    assert_right_in_regions(0..350, 5, 2);
}

#[test]
fn two_regions_keep_every_promise_350_more_seeds() {
    assert_right_in_regions(350..700, 5, 2);
}

#[test]
fn nodes_that_hold_some_shards_keep_every_promise_400_seeds() {
    assert_shards_are_right(0..400, 5);
}

#[test]
fn nine_nodes_that_hold_some_shards_keep_every_promise_100_seeds() {
    assert_shards_are_right(0..100, 9);
}

/// Two nodes each had to ask the other one, and had skipped what the other one asked for.
#[test]
fn a_node_that_no_other_answers_reads_what_it_wanted_to_skip() {
    assert_shards_are_right(1574..1575, 5);
}

/// Both nodes of a region lost what only the log and the other region had.
#[test]
fn a_region_gets_back_from_the_log_what_it_has_lost_itself() {
    assert_right_in_regions(102..103, 5, 2);
}

/// A reader goes on in a stream that was created again and has dropped messages since. Its herd
/// knows updates of the other region, but from the earlier stream.
#[test]
fn a_reader_of_a_new_stream_asks_for_what_it_has_dropped() {
    assert_right_in_regions(527..528, 5, 2);
}

/// Both nodes of a region lost everything, and the stream was lost as well.
#[test]
fn a_region_gets_back_from_another_one_what_it_and_the_stream_have_lost() {
    assert_right_in_regions(904..905, 5, 2);
}

/// All replicas lost a message, and the region that published it had been asked before, when it
/// had no records yet.
#[test]
fn a_region_that_was_asked_too_early_publishes_again_what_is_lost_later() {
    assert_right_in_regions(848..849, 5, 2);
}

/// A dropped sync covered bytes that damage had cut off since.
#[test]
fn a_disk_that_was_damaged_after_a_dropped_sync_can_crash() {
    assert_right_in_regions(366..367, 5, 2);
}

#[test]
fn regions_change_no_part_of_a_plan_but_its_links_and_their_faults() {
    let [one, two] = [1, 2].map(|regions| Plan::draw(7, 5, in_regions(regions)));
    assert_eq!((one.latency, one.window, one.bulk_sync), (two.latency, two.window, two.bulk_sync));
    assert_eq!((one.edges().len(), one.backbone.len()), (one.graph.edges(5).len(), 0));
    assert_eq!(two.edges().len(), two.graph.edges(2).len() + two.graph.edges(3).len());
    assert!(!one.command().contains("--regions"));
    assert!(two.command().contains("--nodes 5 --regions 2"));
}

#[test]
fn five_nodes_keep_every_promise_500_seeds() {
    assert_right(0..500, 5);
}

#[test]
fn five_nodes_keep_every_promise_500_more_seeds() {
    assert_right(500..1000, 5);
}

#[test]
fn twenty_five_nodes_keep_every_promise_100_seeds() {
    assert_right(0..100, 25);
}

/// The windows of this line have 257 bytes, so each link needs 0.3 s for the sums of a bulk sync.
#[test]
fn a_line_with_small_windows_has_time_to_settle() {
    assert_right(377..378, 25);
}

#[test]
fn the_same_seed_leaves_the_same_trace() {
    for seed in 0..50 {
        let [one, other] = [(), ()].map(|()| run_plan(&Plan::of_seed(seed, 5, None)));
        assert_eq!((one.trace, &one.history), (other.trace, &other.history), "seed {seed}");
    }
    assert_ne!(run_plan(&Plan::of_seed(0, 5, None)).trace, run_plan(&Plan::of_seed(1, 5, None)).trace);
    for seed in 0..20 {
        let [one, other] = [(), ()].map(|()| run_plan(&Plan::draw(seed, 5, in_regions(2))));
        assert_eq!((one.trace, &one.history), (other.trace, &other.history), "seed {seed}, two regions");
    }
}
