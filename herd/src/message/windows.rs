//! Lists of [windows](super::At::window) in lines between nodes.

use super::at::is_node_name;
use super::link_line::{decimal, hexadecimal};

/// The updates of one origin in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OriginWindow<'a> {
    /// The name of the node that received the reports.
    pub origin: &'a str,
    /// The number of the window.
    pub number: u64,
}

/// The largest number of windows that a line lists. With the longest names, such a line has 3,800
/// bytes, which is less than any limit for lines between nodes.
pub const LISTED: usize = 40;

/// Returns the windows with their sums that a text lists.
pub fn sums_of_windows(text: &str) -> impl Iterator<Item = (OriginWindow<'_>, u64)> {
    let mut words = text.split_ascii_whitespace();
    std::iter::from_fn(move || Some((next_window(&mut words)?, hexadecimal(words.next()?)?)))
}

/// Returns the windows that a text lists without sums.
pub fn windows(text: &str) -> impl Iterator<Item = OriginWindow<'_>> {
    let mut words = text.split_ascii_whitespace();
    std::iter::from_fn(move || next_window(&mut words))
}

/// Returns a text that lists windows with their sums.
pub fn list_sums<'a>(windows: impl Iterator<Item = (OriginWindow<'a>, u64)>) -> String {
    let words: Vec<String> = windows
        .map(|(OriginWindow { origin, number }, sum)| format!("{origin} {number} {sum:016x}"))
        .collect();
    words.join(" ")
}

/// Returns a text that lists windows.
pub fn list_windows<'a>(windows: impl Iterator<Item = OriginWindow<'a>>) -> String {
    let words: Vec<String> =
        windows.map(|OriginWindow { origin, number }| format!("{origin} {number}")).collect();
    words.join(" ")
}

/// Returns whether words list windows with their sums.
pub(super) fn are_sums(words: &[&str]) -> bool {
    let (windows, rest) = words.as_chunks::<3>();
    let is_sum = |[origin, number, sum]: &[&str; 3]| is_window(origin, number) && hexadecimal(sum).is_some();
    rest.is_empty() && windows.iter().all(is_sum)
}

/// Returns whether words list windows.
pub(super) fn are_windows(words: &[&str]) -> bool {
    let (windows, rest) = words.as_chunks::<2>();
    rest.is_empty() && windows.iter().all(|[origin, number]| is_window(origin, number))
}

fn is_window(origin: &str, number: &str) -> bool {
    is_node_name(origin.as_bytes()) && decimal(number).is_some()
}

fn next_window<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<OriginWindow<'a>> {
    Some(OriginWindow { origin: words.next()?, number: decimal(words.next()?)? })
}
