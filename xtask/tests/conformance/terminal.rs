//! What a terminal shows.

use std::path::Path;

use xtask::conformance::report::{line, summary};

use crate::sample::report;

#[test]
fn each_rule_has_a_line() {
    let lines: Vec<String> = report().rules.iter().map(|rule| line(rule, Some(80))).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    holds        starts                  0.2 s
    fails        iamat-skew              0.2 s  The skew has no sign.
    fails        iamat-strict            0.2 s  `IAMAT a +1-1 nan` is accepted.
    cannot tell  pipelined               0.2 s  The guest closes each connection af…
    cannot tell  flood-ends              0.2 s  No node could be seen.
    not judged   places-radius           0.2 s  This machine has no namespaces.
    fails        robust-survives         0.2 s  </pre><script>alert('1')</script>]]…
    ");
    let last = report().rules.last().map(|rule| line(rule, None)).unwrap();
    assert!(last.ends_with("\\r\\n=1+1") && !last.contains('\x1b'), "{last}");
    assert_eq!(line(&report().rules[1], Some(10)), "fails        iamat-skew              0.2 s…");
}

#[test]
fn a_run_ends_with_a_summary() {
    let mut report = report();
    report.guest = "my herd".to_owned();
    report.rules.pop();
    insta::assert_snapshot!(summary(&report, Path::new("target/conformance/my herd")), @r"
    iamat-skew fails: The skew has no sign.
      Sent            IAMAT kiwi.example.org +34.068930-118.445127 1780000000.123456789\n
      Expected        AT Goloman +<skew> kiwi.example.org +34.068930-118.445127 1780000000.123456789\n
      Came            AT Goloman 0.263 kiwi.example.org +34.068930-118.445127 1780000000.123456789\n
      Where and when  Goloman, 0.004 s
      Hint            Format the skew with a sign, as `{:+}` does.

    CLASS     HOLD  FAIL  CANNOT TELL  NOT JUDGED  POINTS
    protocol  1     1     1            0           1 of 4.5
    flooding  0     0     1            0           0 of 0
    places    0     0     0            1           0 of 0
    beyond    0     1     0            0           never count

    my herd: 1 of 5.5 points
    The report is in target/conformance/my herd/report.html
    ");
}
