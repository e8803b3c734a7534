//! Tests of bounds that are derived from others or contradict each other.

use super::contradictions::{LONGEST_LINE, SHORTEST_MEMORY};
use super::parsing::{LONGEST, parse_duration};
use super::*;

#[test]
fn half_of_what_buffers_leave_is_for_answers() {
    let limits = Limits {
        unread_answers: 100_000,
        client_send_buffer: 1_000,
        client_receive_buffer: 2_000,
        ..Limits::default()
    };
    // Linux doubles the size of a kernel buffer, and one read may fill a buffer of lines.
    assert_eq!(limits.answers_kept(), (100_000 - 2 * 3_000 - 2_000 - CONNECTION) / 2);
    assert_eq!(Limits { unread_answers: 1, ..limits }.answers_kept(), 1);
}

#[test]
fn bounds_that_contradict_each_other_are_named_and_equal_ones_are_judged() {
    let limits = Limits::default;
    let second = Duration::from_secs(1);
    assert!(limits().contradictions().is_empty());
    let silent = Limits { heartbeat: second, link_silence: second, ..limits() };
    assert!(silent.contradictions()[0].starts_with("heartbeat "));
    let shortest = Limits { link_line_bytes: LONGEST_LINE, ..limits() };
    assert!(shortest.contradictions().is_empty());
    let short = Limits { link_line_bytes: LONGEST_LINE - 1, ..limits() };
    assert!(short.contradictions()[0].starts_with("link_line_bytes "));
    let steady = Limits { redial_first: second, redial_longest: second, ..limits() };
    assert!(steady.contradictions().is_empty());
    let shrinking = Limits { redial_first: 2 * second, redial_longest: second, ..limits() };
    assert!(shrinking.contradictions()[0].starts_with("redial_first "));
    let least = Limits { forget_after: Some(SHORTEST_MEMORY), ..limits() };
    assert!(least.contradictions().is_empty());
    let forgetful = Limits { forget_after: Some(SHORTEST_MEMORY - second), ..limits() };
    assert!(forgetful.contradictions()[0].starts_with("forget_after "));
}

#[test]
fn a_bound_is_at_most_a_hundred_years_and_a_bound_of_memory_is_not_zero() {
    assert_eq!(parse_duration("36500days"), Ok(LONGEST));
    assert!(parse_duration("36500days 1ns").unwrap_err().contains("too long"));
    let memory = |text: &str| toml::from_str::<Limits>(text).map(|limits| limits.memory_bytes);
    assert_eq!(memory("memory_bytes = 12").unwrap(), Some(12));
    assert!(memory("memory_bytes = 0").is_err());
}
