//! Runs fixed seeds. To run one again: `cargo xtask chaos sim --first SEED --seeds 1 --nodes N`.

use super::*;

fn assert_right(seeds: std::ops::Range<u64>, nodes: usize) {
    for seed in seeds {
        let (_, verdict) = judge(&Plan::of_seed(seed, nodes, None));
        assert!(
            verdict.violations.is_empty(),
            "cargo xtask chaos sim --first {seed} --seeds 1 --nodes {nodes}\n{verdict}"
        );
    }
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
}
