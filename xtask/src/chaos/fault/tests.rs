//! Tests of drawn faults.

use super::*;

#[test]
fn equal_seeds_draw_equal_faults_and_every_fault_is_drawn() {
    let regions = vec![vec![0, 1], vec![2, 3, 4]];
    let shape = HerdShape { nodes: 5, edges: vec![(0, 1), (1, 2), (2, 3), (3, 4)], servers: 3, regions };
    let draw = |seed| {
        let mut rng = Rng::with_seed(seed);
        (0..500).map(|_| Fault::draw(FaultName::VARIANTS, &shape, &mut rng)).collect::<Vec<_>>()
    };
    let faults = draw(7);
    assert_eq!(faults, draw(7));
    assert_ne!(faults, draw(8));
    for name in FaultName::VARIANTS {
        assert!(faults.iter().any(|fault| fault.name == *name), "{name:?}");
    }
}

#[test]
fn faults_are_described_in_words() {
    let names = ["Alford", "Parker"].map(str::to_owned);
    let lasts = Duration::from_secs(2);
    let full = FaultAction::Deprive { node: 1, lasts };
    let cut = Conditions { cut: true, ..Conditions::default() };
    let late = Conditions { delay: lasts, ..Conditions::default() };
    let slow = Conditions { bandwidth: Some(9), ..Conditions::default() };
    let wiped = FaultAction::Kill { nodes: vec![0, 1], wipes: true, away: lasts };
    let off = FaultAction::CutOff { region: 1, nodes: vec![1], lasts };
    let flipped = FaultAction::FlipBit { server: 2, place: 9, away: lasts };
    for (name, action, words) in [
        (FaultName::RegionWipe, wiped, "Alford, Parker wiped, away for 2s"),
        (FaultName::RegionCut, off, "Parker cut off the servers for 2s"),
        (FaultName::BitFlip, flipped, "a bit of nats-3 flipped, away for 2s"),
        (FaultName::ShardMove, FaultAction::Exchange([1, 0]), "Parker, Alford exchange their shards"),
        (FaultName::DiskFull, full, "Parker with a full disk for 2s"),
        (
            FaultName::Partition,
            FaultAction::Links { directions: vec![(0, 1, cut), (1, 0, cut)], lasts },
            "Alford-Parker cut for 2s",
        ),
        (
            FaultName::Delay,
            FaultAction::Links { directions: vec![(0, 1, late), (1, 0, slow)], lasts },
            "Alford to Parker delayed by 2s, Parker to Alford limited to 9 bytes a second for 2s",
        ),
    ] {
        assert_eq!(Fault { name, action }.describe(&names), words);
    }
}

#[test]
fn a_partition_cuts_every_link_between_its_sides_both_directions_and_no_other() {
    let shape =
        HerdShape { nodes: 4, edges: vec![(0, 1), (1, 2), (2, 3), (0, 3)], servers: 0, regions: vec![] };
    let directions: Vec<(usize, usize)> =
        cut_off(&[0, 1], &shape).iter().map(|(from, to, _)| (*from, *to)).collect();
    assert_eq!(directions, [(1, 2), (2, 1), (0, 3), (3, 0)]);
}

#[test]
fn faults_of_regions_concern_one_whole_region_and_readers_are_its_first_two_nodes() {
    let regions = vec![vec![0, 1], vec![2, 3, 4]];
    let shape = HerdShape { nodes: 5, edges: Vec::new(), servers: 3, regions: regions.clone() };
    let mut rng = Rng::with_seed(5);
    let mut drawn = |name| Fault::draw(&[name], &shape, &mut rng).action;
    for _ in 0..100 {
        let FaultAction::Kill { nodes, wipes: true, .. } = drawn(FaultName::RegionWipe) else { panic!() };
        assert!(regions.contains(&nodes), "{nodes:?}");
        let FaultAction::CutOff { region, nodes, .. } = drawn(FaultName::RegionCut) else { panic!() };
        assert_eq!(regions[region], nodes);
        let FaultAction::Kill { nodes, wipes: false, .. } = drawn(FaultName::ReaderKill) else { panic!() };
        assert!([[0], [1], [2], [3]].iter().any(|reader| nodes == reader), "{nodes:?}");
        let FaultAction::Exchange([one, other]) = drawn(FaultName::ShardMove) else { panic!() };
        assert!(one != other && one < 5 && other < 5);
    }
}
