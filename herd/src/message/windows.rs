//! Lists of [windows](super::At::window) in lines between nodes.

use super::link_line::{decimal, hexadecimal};

/// Returns the windows with their sums that a text lists.
pub fn windows(text: &str) -> impl Iterator<Item = (u64, u64)> {
    let mut words = text.split_ascii_whitespace();
    std::iter::from_fn(move || Some((decimal(words.next()?)?, hexadecimal(words.next()?)?)))
}

/// Returns the numbers of windows that a text lists.
pub fn numbers(text: &str) -> impl Iterator<Item = u64> {
    text.split_ascii_whitespace().map_while(decimal)
}

/// Returns a text that lists windows with their sums.
pub fn list_windows(windows: impl Iterator<Item = (u64, u64)>) -> String {
    let words: Vec<String> = windows.map(|(window, sum)| format!("{window} {sum:016x}")).collect();
    words.join(" ")
}

/// Returns whether words list windows with their sums.
pub(super) fn are_windows(words: &[&str]) -> bool {
    let (pairs, rest) = words.as_chunks::<2>();
    rest.is_empty()
        && pairs.iter().all(|[window, sum]| decimal(window).is_some() && hexadecimal(sum).is_some())
}
