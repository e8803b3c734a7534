//! Samples of the updates that are news to a node.

use super::*;

/// The lines of the samples, and how many updates are not among them.
fn take(node: &mut Node, most: usize) -> (Vec<String>, u64) {
    let (samples, left_out) = node.take_samples(most);
    let line = |sample: Sample| String::from_utf8(sample.line.into_vec()).unwrap();
    (samples.into_iter().map(line).collect(), left_out)
}

#[test]
fn the_first_are_sampled_and_the_others_counted_while_somebody_watches() {
    let mut node = node("Alford", &[]);
    say(&mut node, "IAMAT early +1+1 1");
    node.begin_samples(2);
    let said = ["kiwi", "plum"].map(|client| say(&mut node, &format!("IAMAT {client} +1+1 1")));
    // The same report again is no news, and has no effect on the sampling of another watcher.
    say(&mut node, "IAMAT kiwi +1+1 1");
    node.begin_samples(2);
    for client in ["fig", "pear", "lime"] {
        say(&mut node, &format!("IAMAT {client} +1+1 1"));
    }
    assert_eq!(take(&mut node, 1), (said.map(|line| line.trim_end().to_owned()).to_vec(), 3));
    assert_eq!(take(&mut node, 1), (Vec::new(), 0));
    say(&mut node, "IAMAT kiwi +1+1 2");
    say(&mut node, "IAMAT kiwi +1+1 3");
    let (sampled, left_out) = take(&mut node, 1);
    assert_eq!((sampled.len(), left_out), (1, 1));
    say(&mut node, "IAMAT kiwi +1+1 4");
    node.end_samples();
    say(&mut node, "IAMAT kiwi +1+1 5");
    // Who comes back learns how many were missed.
    node.begin_samples(1);
    assert_eq!(take(&mut node, 1), (Vec::new(), 2));
}

#[test]
fn a_sample_has_its_source_and_when_it_arrived() {
    let (mut alford, mut parker) = (node("Alford", &["Parker"]), node("Parker", &["Alford"]));
    parker.begin_samples(9);
    let mut wire = Wire::between(&alford, &parker, 1, START);
    say(&mut alford, "IAMAT kiwi +1+1 1");
    wire.settle([&mut alford, &mut parker], START);
    say(&mut parker, "IAMAT plum +1+1 1");
    parker.remove(crate::message::ClientId::parse(b"kiwi").unwrap()).unwrap();
    let (samples, left_out) = parker.take_samples(9);
    assert_eq!(left_out, 0);
    let [heard, reported, removed] = &samples[..] else { panic!("{samples:?}") };
    let from = parker.neighbour("Alford").unwrap();
    assert!(matches!(heard.source, Source::Neighbour(id, _) if id == from), "{heard:?}");
    assert!(heard.line.starts_with(b"AT Alford ") && heard.at.is_some());
    assert_eq!((reported.source, reported.at), (Source::Client, Some(NOW)));
    assert_eq!((&*removed.line, removed.at), (&b"REMOVED 1 kiwi"[..], None));
}
