//! Finds the names that a misspelt one may mean, and says them in messages.

use strsim::osa_distance;

/// A name may have one wrong, missing, extra or swapped character for each three of its length.
const CHARACTERS_PER_SLIP: usize = 3;

/// The most names that a message lists. Of more it says only those that a wrong one resembles.
pub const MOST_LISTED: usize = 10;

/// The most similar names that a message says.
const MOST_SIMILAR: usize = 3;

/// The shortest word of a name by which names are similar.
const SHORTEST_WORD: usize = 4;

/// Returns the name most similar to `wrong`, if one is similar enough. Upper and lower case count
/// as equal, and so do `-` and `_`.
///
/// # Examples
/// ```
/// assert_eq!(herd::nearest::nearest("neigbours", ["neighbours", "limits"]), Some("neighbours"));
/// ```
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let found = names.into_iter().filter_map(|name| Some((slips(wrong, name)?, name)));
    found.min_by_key(|(slips, _)| *slips).map(|(_, name)| name)
}

/// Returns the number of slips by which `wrong` differs from `name`; `None` if they are too many.
fn slips(wrong: &str, name: &str) -> Option<usize> {
    let plain = |name: &str| name.to_lowercase().replace('-', "_");
    let wrong = plain(wrong);
    let most = wrong.chars().count() / CHARACTERS_PER_SLIP;
    Some(osa_distance(&wrong, &plain(name))).filter(|slips| *slips <= most)
}

/// Returns the end of a message about a wrong name: a suggestion, or nothing.
pub fn did_you_mean<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    nearest(wrong, names).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// Returns the names that `wrong` resembles, the most similar first: as a whole, or by one of its
/// words, so that `stamp-later` finds `later-stamp`.
pub fn similar<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found: Vec<(usize, usize, &str)> = names
        .into_iter()
        .filter_map(|name| match slips(wrong, name) {
            Some(slips) => Some((0, slips, name)),
            None => Some((unshared_words(wrong, name)? + 1, name.len(), name)),
        })
        .collect();
    found.sort_unstable();
    found.into_iter().take(MOST_SIMILAR).map(|(_, _, name)| name).collect()
}

/// Returns how many words of `wrong` a name has not, with the slips that [`nearest`] forgives;
/// `None` if it has none of them.
fn unshared_words(wrong: &str, name: &str) -> Option<usize> {
    let is_shared = |word: &&str| words(name).any(|other| slips(word, other).is_some());
    let (all, shared) = (words(wrong).count(), words(wrong).filter(is_shared).count());
    (shared > 0).then(|| all - shared)
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    let words = name.split(|separator: char| !separator.is_alphanumeric());
    words.filter(|word| word.len() >= SHORTEST_WORD)
}

/// Returns the end of a message about a name that none of some things has: all names if they are
/// few, or else the similar ones, and where all are listed. `things` is their plural, and `list`
/// what lists them.
///
/// # Examples
/// ```
/// use herd::nearest::choices;
/// let nodes = ["Alford", "Bolden"];
/// assert_eq!(choices("Alfrod", "nodes", nodes, ""), ": the nodes are Alford, Bolden; did you mean `Alford`?");
/// let many: Vec<String> = (0..100).map(|number| format!("Node{number}")).collect();
/// let many = || many.iter().map(String::as_str);
/// assert_eq!(choices("x", "nodes", many(), "`ls`"), ": `ls` lists the 100 nodes");
/// assert_eq!(
///     choices("nod42", "nodes", many(), "`ls`"),
///     "; did you mean `Node2` or `Node42`? `ls` lists the 100 nodes"
/// );
/// ```
pub fn choices<'a>(
    wrong: &str,
    things: &str,
    names: impl IntoIterator<Item = &'a str>,
    list: &str,
) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    if names.len() <= MOST_LISTED {
        let hint = did_you_mean(wrong, names.iter().copied());
        return format!(": the {things} are {}{hint}", names.join(", "));
    }
    let similar: Vec<String> =
        similar(wrong, names.iter().copied()).iter().map(|name| format!("`{name}`")).collect();
    let listed = format!("{list} lists the {} {things}", names.len());
    match similar.split_last() {
        None => format!(": {listed}"),
        Some((only, [])) => format!("; did you mean {only}? {listed}"),
        Some((last, others)) => format!("; did you mean {} or {last}? {listed}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_forgiven_and_other_words_are_not() {
        let names = ["neighbours", "distinct_clients", "link", "client"];
        for (wrong, expected) in [
            ("neigbours", Some("neighbours")),
            ("neighbors", Some("neighbours")),
            ("nieghbours", Some("neighbours")),
            ("distinct_client", Some("distinct_clients")),
            ("Distinct-Clients", Some("distinct_clients")),
            ("links", Some("link")),
            ("clinet", Some("client")),
            ("port", None),
            ("ln", None),
            ("", None),
        ] {
            assert_eq!(nearest(wrong, names), expected, "{wrong}");
        }
    }
    #[test]
    fn names_are_similar_as_a_whole_before_they_are_by_a_word() {
        let names = ["later-stamp", "later-stamp-elsewhere", "equal-stamps", "bad-input", "late"];
        for (wrong, expected) in [
            ("latr-stamp", &["later-stamp", "later-stamp-elsewhere", "late"][..]),
            ("stamp-later", &["later-stamp", "later-stamp-elsewhere", "late"]),
            ("badinput", &["bad-input"]),
            ("LATE", &["late", "later-stamp", "later-stamp-elsewhere"]),
            ("nosuch", &[]),
            ("", &[]),
        ] {
            assert_eq!(similar(wrong, names), expected, "{wrong}");
        }
    }
}
