//! Histories in which all clocks leap, so that clients are forgotten.

use super::*;

/// A window after the reports of [`right`], and before that of [`LATE`].
const BETWEEN: u64 = 1_000;

/// A report that is received long after the leap.
const LATE: &str = "AT A +99.500000000 plum +1+1 1";

/// A history whose clocks leap after its first report was read at both nodes.
fn leaped() -> History {
    let mut history = right();
    history.setting.leap = Some(Leap { at: 3_600, window: BETWEEN });
    history.endings.iter_mut().for_each(|ending| ending.lines.clear());
    history
}

#[test]
fn what_was_reported_before_a_leap_is_forgotten_by_all() {
    let mut history = leaped();
    ask(&mut history, 4, 0, "WHATSAT kiwi 0 0", "? WHATSAT kiwi 0 0");
    assert_eq!(violated(&history), [""; 0]);
    history.setting.leap = None;
    assert_eq!(violated(&history), ["I1", "I3", "I5"]);
    let mut history = leaped();
    let kiwi = "AT A +0.500000000 kiwi +1+1 1".to_owned();
    history.endings.iter_mut().for_each(|ending| ending.lines = vec![kiwi.clone()]);
    assert_eq!(violated(&history), ["I14"]);
}

#[test]
fn what_was_reported_after_a_leap_is_not_forgotten() {
    let mut history = leaped();
    ask(&mut history, 4, 0, "IAMAT plum +1+1 1", LATE);
    assert_eq!(violated(&history), ["I1"]);
    history.endings.iter_mut().for_each(|ending| ending.lines = vec![LATE.to_owned()]);
    history.endings[1].sent = 1;
    assert_eq!(violated(&history), [""; 0]);
}

#[test]
fn a_report_that_lost_to_a_forgotten_one_may_be_known_or_not() {
    let mut history = leaped();
    let kiwi = "AT A +99.500000000 kiwi +2+2 0";
    ask(&mut history, 4, 0, "IAMAT kiwi +2+2 0", kiwi);
    assert_eq!(violated(&history), [""; 0]);
    history.endings[1].lines = vec![kiwi.to_owned()];
    assert_eq!(violated(&history), [""; 0]);
}

#[test]
fn of_a_forgotten_report_after_a_removal_the_removal_stays_under_the_same_sequence() {
    let mut history = leaped();
    let after = "AFTER 1 AT A +0.500000000 kiwi +1+1 1".to_owned();
    ask(&mut history, 4, 0, "REMOVE kiwi", "REMOVED 1 kiwi");
    assert_eq!(violated(&history), ["I1"]);
    history.endings.iter_mut().for_each(|ending| ending.lines = vec!["REMOVED 1 kiwi".to_owned()]);
    let is = "REMOVED 1 kiwi".to_owned();
    let reused = |at| EventKind::SequenceReused { node: 0, sequence: at, was: after.clone(), is: is.clone() };
    history.add(4_000, reused(1));
    assert_eq!(violated(&history), [""; 0]);
    history.add(3_000, reused(2));
    assert_eq!(violated(&history), ["I12"], "nothing is forgotten before the leap");
}
