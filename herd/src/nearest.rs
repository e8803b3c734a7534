//! Finds the name that a misspelt one most likely means.

use strsim::osa_distance;

/// A name may have one wrong, missing, extra or swapped character for each three of its length.
const CHARACTERS_PER_SLIP: usize = 3;

/// Returns the name most similar to `wrong`, if one is similar enough. Upper and lower case count
/// as equal, and so do `-` and `_`.
///
/// # Examples
/// ```
/// assert_eq!(herd::nearest::nearest("neigbours", ["neighbours", "limits"]), Some("neighbours"));
/// ```
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| name.to_lowercase().replace('-', "_");
    let wrong = plain(wrong);
    let most = wrong.chars().count() / CHARACTERS_PER_SLIP;
    let distances = names.into_iter().map(|name| (osa_distance(&wrong, &plain(name)), name));
    let (distance, name) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= most).then_some(name)
}

/// Returns the end of a message about a wrong name: a suggestion, or nothing.
pub fn did_you_mean<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    nearest(wrong, names).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
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
}
